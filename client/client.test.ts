import { expect, test } from "bun:test";
import { createClient } from "./client.ts";
import { createManualClock } from "./clock.ts";
import type { WebSocketLike } from "./socket.ts";
import { createMemoryStorage, writeJson } from "./storage.ts";

const settle = async () => {
  for (let i = 0; i < 400; i++) await Promise.resolve();
};

/** A server with one conversation of `total` rows whose list may be refused. */
function setup() {
  const server = { total: 3, refuse: 0, lists: 0, sockets: [] as WebSocketLike[] };
  const clock = createManualClock();
  const storage = createMemoryStorage();
  const user = { id: "1", username: "ann", isGuest: false };
  const session = { user, accessToken: "a", refreshToken: "r", expiresAtMs: clock.now() + 86_400_000 };
  writeJson(storage, "gochat.session", session);
  const row = (seqId: number) => ({
    id: String(100 + seqId),
    conversationId: "c",
    senderId: "2",
    messageType: 1,
    content: `text ${seqId}`,
    seqId,
    deleted: false,
    kind: "message",
    createdAt: 1_700_000_000,
  });
  const answer = (url: string): Response => {
    const { pathname, searchParams } = new URL(url);
    if (pathname.endsWith("/messages")) {
      const after = Number(searchParams.get("after_seq") ?? 0);
      const messages = Array.from({ length: server.total - after }, (_, i) => row(after + 1 + i));
      const range = { completeFrom: after + 1, completeTo: server.total, latestSeqId: server.total };
      return Response.json({ success: true, data: { messages, hasMore: false, ...range } });
    }
    if (pathname.endsWith("/drafts")) {
      return Response.json({ success: true, data: { drafts: [], hasMore: false, serverTime: 1 } });
    }
    server.lists += 1;
    if (server.refuse > 0) {
      server.refuse -= 1;
      return Response.json({ success: false, code: "RATE_LIMITED", message: "" }, { status: 429 });
    }
    const conversation = { id: "c", type: 1, lastSeqId: server.total, unreadCount: 0, lastReadSeqId: 0, updatedAt: 1 };
    return Response.json({ success: true, data: { conversations: [conversation], hasMore: false } });
  };
  const client = createClient({
    baseUrl: "http://gochat.test",
    storage,
    clock,
    random: () => 0.5,
    fetch: async (url) => answer(url),
    webSocket: () => {
      const socket: WebSocketLike = {
        onmessage: null,
        onclose: null,
        onerror: null,
        bufferedAmount: 0,
        send: () => undefined,
        close: () => undefined,
      };
      server.sockets.push(socket);
      return socket;
    },
  });
  const push = async (type: string, data: object = {}): Promise<void> => {
    server.sockets.at(-1)?.onmessage?.({ data: JSON.stringify({ type, data }) });
    await settle();
  };
  return { server, client, clock, push };
}

async function online() {
  const it = setup();
  const view = it.client.open("c");
  it.client.connect();
  await settle();
  await it.push("connected");
  await settle();
  expect(view.timeline.mark()).toBe(3);
  return { ...it, view };
}

test("20 §5: a `resync` whose list is refused for now (RATE_LIMITED) is asked for again until it is done", async () => {
  const { server, push, clock, view } = await online();
  server.total = 9;
  server.refuse = 2;
  await push("resync");
  expect(view.timeline.mark()).toBe(3);
  clock.advance(1_000);
  await settle();
  expect(view.timeline.mark()).toBe(3);
  clock.advance(2_000);
  await settle();
  expect(view.timeline.mark()).toBe(9);
});

test("20 §5: many `resync` at once are one sync, and one more for those that came while it ran", async () => {
  const { server, push, view } = await online();
  const before = server.lists;
  server.total = 5;
  const storm = Array.from({ length: 20 }, (_, at) => push("resync", at % 2 === 0 ? {} : { conversationIds: ["c"] }));
  await Promise.all(storm);
  expect(server.lists - before).toBe(2);
  expect(view.timeline.mark()).toBe(5);
});

test("a lost connection forgets what was to be repeated: the next `connected` syncs everything", async () => {
  const { server, push, clock, view } = await online();
  server.total = 7;
  server.refuse = 1;
  await push("resync", { conversationIds: ["c"] });
  const lists = server.lists;
  server.sockets.at(-1)?.onclose?.({ code: 1006 });
  clock.advance(1_000);
  await settle();
  expect(server.lists).toBe(lists);
  await push("connected");
  expect(view.timeline.mark()).toBe(7);
});
