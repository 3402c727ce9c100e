import { describe, expect, test } from "bun:test";
import type { ConversationJson as Conversation, MessageJson as Message } from "#proto/objects.ts";
import { createManualClock } from "./clock.ts";
import { createConversations } from "./conversations.ts";
import { ClientError } from "./errors.ts";

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
  const server = { list: [group, world], asked: 0, up: true, hidden: [] as string[] };
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
      setPersonal: async () => {
        if (!server.up) throw new ClientError("NETWORK_ERROR");
      },
      hide: async (id) => {
        server.hidden.push(id);
      },
    },
  });
  await store.refresh();
  return { store, clock, sent, server };
}

describe("conversation list", () => {
  test("the world is first, then pinned ones, then the latest activity, as the server lists them", async () => {
    const { store } = await setup();
    expect(store.list().map((c) => c.id)).toEqual(["world", "5"]);
    store.put({ ...group, pinned: true });
    expect(store.list().map((c) => c.id)).toEqual(["world", "5"]);
    const world = store.get("world");
    if (world !== undefined) store.put({ ...world, pinned: true });
    store.put({ ...group, pinned: true, lastActivityAt: 9_000_000_000 });
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

  test("changes of a group show; the end of the own membership takes it from the list", async () => {
    const { store } = await setup();
    const change = (seqId: number, changeType: string, fields: object): Message =>
      row(seqId, {
        conversationId: "5",
        kind: "change",
        changeType,
        change: { id: "9", conversationId: "5", seqId, operatorId: "2", createdAt: 1, ...fields },
      });
    store.arrived(change(2, "info_updated", { changed: ["name"], conversation: { name: "Crew", other: 1 } }));
    store.arrived(change(3, "member_removed", { userIds: ["4"], memberCount: 2 }));
    expect(store.get("5")).toMatchObject({ name: "Crew", memberCount: 2, lastSeqId: 3 });
    expect(store.get("5")).not.toHaveProperty("other");
    await store.refresh();
    expect(store.get("5")).toMatchObject({ name: "Crew", memberCount: 2 });
    store.arrived(change(4, "dissolved", { reason: "" }));
    expect(store.get("5")?.dissolvedAt).toBe(1_004);
    store.arrived(change(5, "member_removed", { userIds: ["1"], memberCount: 1 }));
    expect(store.get("5")).toBeUndefined();
  });

  test("pinning shows at once and is taken back when it is refused; hiding waits for the server", async () => {
    const { store, server } = await setup();
    const pinning = store.setPersonal("5", { pinned: true });
    expect(store.get("5")?.pinned).toBe(true);
    await pinning;
    server.up = false;
    const muting = store.setPersonal("5", { notifyMuted: true });
    expect(store.get("5")?.notifyMuted).toBe(true);
    expect(await muting.catch((error: ClientError) => error.code)).toBe("NETWORK_ERROR");
    expect(store.get("5")).toMatchObject({ pinned: true, notifyMuted: false });
    await store.hide("5");
    expect(server.hidden).toEqual(["5"]);
    expect(store.get("5")).toBeUndefined();
  });
});
