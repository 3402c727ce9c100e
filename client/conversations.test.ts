import { describe, expect, test } from "bun:test";
import type { ConversationJson as Conversation, MessageJson as Message } from "#proto/objects.ts";
import { createManualClock } from "./clock.ts";
import { createConversations } from "./conversations.ts";

const world: Conversation = {
  id: "world",
  type: 3,
  memberCount: 2,
  settings: {},
  updatedAt: 1,
  lastSeqId: 10,
  lastReadSeqId: 8,
  unreadCount: 2,
};
const group: Conversation = {
  id: "5",
  type: 2,
  name: "G",
  memberCount: 3,
  settings: {},
  updatedAt: 900,
  lastSeqId: 1,
  unreadCount: 0,
};
const row = (seqId: number, more: Partial<Message> = {}): Message => ({
  id: String(seqId),
  conversationId: "world",
  senderId: "2",
  messageType: 1,
  content: "x",
  seqId,
  deleted: false,
  kind: "message",
  createdAt: 1_000 + seqId,
  ...more,
});

async function setup() {
  const clock = createManualClock();
  const sent: [string, number][] = [];
  const server = { list: [group, world], asked: 0, up: true };
  const store = createConversations({
    clock,
    userId: () => "1",
    onChange: () => undefined,
    transmitRead: (id, seqId) => {
      if (server.up) sent.push([id, seqId]);
      return server.up;
    },
    api: {
      conversations: async () => {
        server.asked++;
        return { conversations: server.list, hasMore: false };
      },
    },
  });
  await store.refresh();
  return { store, clock, sent, server };
}

describe("conversation list", () => {
  test("the world is first, then the latest activity; pinned ones before", async () => {
    const { store } = await setup();
    expect(store.list().map((c) => c.id)).toEqual(["world", "5"]);
    store.put({ ...group, pinned: true });
    expect(store.list().map((c) => c.id)).toEqual(["5", "world"]);
  });

  test("unread counts messages of others above the head, each once, and no changes", async () => {
    const { store } = await setup();
    store.arrived(row(11));
    store.arrived(row(11));
    store.arrived(row(12, { kind: "change" }));
    expect(store.get("world")).toMatchObject({ lastSeqId: 12, unreadCount: 3 });
    store.arrived(row(13, { senderId: "1" }));
    expect(store.get("world")).toMatchObject({ unreadCount: 0, lastReadSeqId: 13 });
    store.missed("world", 20);
    expect(store.get("world")).toMatchObject({ lastSeqId: 20, unreadCount: 7 });
  });

  test("reading shows at once, is told once a second with the highest seq, and waits for the connection", async () => {
    const { store, clock, sent, server } = await setup();
    store.markRead("world", 9);
    store.markRead("world", 10);
    expect(store.get("world")?.unreadCount).toBe(0);
    expect(sent).toEqual([]);
    clock.advance(1_000);
    expect(sent).toEqual([["world", 10]]);
    store.markRead("world", 9);
    server.up = false;
    store.arrived(row(11));
    store.markRead("world", 11);
    clock.advance(1_000);
    server.up = true;
    store.connected();
    clock.advance(0);
    expect(sent).toEqual([
      ["world", 10],
      ["world", 11],
    ]);
  });

  test("a list that was on its way does not undo what was pushed meanwhile", async () => {
    const { store } = await setup();
    store.arrived(row(11));
    await store.refresh();
    expect(store.get("world")).toMatchObject({ lastSeqId: 11, unreadCount: 3 });
  });

  test("a row of an unknown conversation asks for the list, once", async () => {
    const { store, clock, server } = await setup();
    store.arrived(row(1, { conversationId: "77" }));
    store.arrived(row(2, { conversationId: "77" }));
    clock.advance(500);
    await store.refresh();
    expect(server.asked).toBe(3);
  });
});
