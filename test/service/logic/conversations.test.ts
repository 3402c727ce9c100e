import { afterEach, beforeEach, expect, test } from "bun:test";
import { AppError } from "../../../proto/errors.ts";
import { ConversationType } from "../../../proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationEvent } from "../../../proto/gen/gochat/mq/v1/conversation_event_pb.ts";
import type { MessageEvent } from "../../../proto/gen/gochat/mq/v1/message_event_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { type Chat, collect, openChat, until } from "./chat-fixture.ts";

let chat: Chat;
let anna: string;
let ben: string;
let cleo: string;
beforeEach(async () => {
  chat = await openChat();
  [anna, ben, cleo] = await Promise.all([chat.addUser("anna"), chat.addUser("ben"), chat.addUser("cleo")]);
});
afterEach(() => chat[Symbol.asyncDispose]());

/** The error code of a call, or "ok". */
async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

async function createGroup(memberIds: string[], name = "The group"): Promise<string> {
  const request = { creatorId: anna, type: ConversationType.GROUP, name, memberIds };
  const { conversation } = await chat.conversation.createConversation(request);
  return conversation?.id ?? "";
}

async function createSingle(creatorId: string, peerId: string) {
  return await chat.conversation.createConversation({ creatorId, type: ConversationType.SINGLE, memberIds: [peerId] });
}

async function say(userId: string, conversationId: string, count: number): Promise<void> {
  for (let at = 1; at <= count; at += 1) {
    const clientMsgId = Bun.randomUUIDv7();
    await chat.message.sendMessage({ userId, conversationId, type: 1, content: `message ${at}`, clientMsgId });
  }
}

test("spec 10 §5: a single is made once, whoever asks, and shows the other side", async () => {
  const events: ConversationEvent[] = [];
  await collect(chat.mq, topics.conversationEvents, events);
  const first = await createSingle(anna, ben);
  const again = await createSingle(ben, anna);
  expect([first.created, again.created]).toEqual([true, false]);
  expect(again.conversation?.id).toBe(first.conversation?.id ?? "");
  expect(first.conversation).toMatchObject({ type: ConversationType.SINGLE, name: "ben", memberCount: 2 });
  expect(again.conversation).toMatchObject({ name: "anna", peer: { id: anna, username: "anna" } });
  await until("the event", () => events.length === 1);
  expect(events[0]).toMatchObject({ eventType: "conversation.created", operatorId: BigInt(anna), seqId: 0n });
  expect(events[0]?.payload.value).toMatchObject({ memberIds: [BigInt(anna), BigInt(ben)] });
});

test("spec 10 §1: an Idempotency-Key makes one group; another request under it is a conflict", async () => {
  const events: ConversationEvent[] = [];
  await collect(chat.mq, topics.conversationEvents, events);
  const create = (init: object) =>
    chat.conversation.createConversation({
      creatorId: anna,
      type: ConversationType.GROUP,
      name: "g",
      memberIds: [ben],
      idempotencyKey: "k1",
      ...init,
    });
  const made = await Promise.all([create({}), create({}), create({})]);
  expect(new Set(made.map(({ conversation }) => conversation?.id)).size).toBe(1);
  expect(await codeOf(create({ name: "other" }))).toBe("IDEMPOTENCY_CONFLICT");
  expect(await codeOf(create({ idempotencyKey: "x".repeat(65) }))).toBe("INVALID_PARAMETER");
  const second = await create({ idempotencyKey: "k2" });
  expect(second.conversation?.id).not.toBe(made[0]?.conversation?.id ?? "");
  await until("the events", () => events.length === 2);
});

test("spec 10 §5: who may be in what is checked by name", async () => {
  const guest = await chat.addUser("", { guest: true });
  const single = (creatorId: string, memberIds: string[]) =>
    codeOf(chat.conversation.createConversation({ creatorId, type: ConversationType.SINGLE, memberIds }));
  const group = (init: object) =>
    codeOf(
      chat.conversation.createConversation({
        creatorId: anna,
        type: ConversationType.GROUP,
        name: "g",
        memberIds: [ben],
        ...init,
      }),
    );
  expect(await single(anna, [anna])).toBe("CANNOT_CHAT_SELF");
  expect(await single(anna, [])).toBe("INVALID_PARAMETER");
  expect(await single(anna, [ben, cleo])).toBe("INVALID_PARAMETER");
  expect(await single(anna, ["99"])).toBe("USER_NOT_FOUND");
  expect(await single(anna, ["x' OR 1=1"])).toBe("INVALID_PARAMETER");
  expect(await single(guest, [anna])).toBe("GUEST_FORBIDDEN");
  expect(await single(anna, [guest])).toBe("GUEST_FORBIDDEN");
  expect(await group({ creatorId: guest })).toBe("GUEST_FORBIDDEN");
  expect(await group({ name: " " })).toBe("INVALID_CONVERSATION_NAME");
  expect(await group({ name: "x".repeat(51) })).toBe("INVALID_CONVERSATION_NAME");
  expect(await group({ name: "a\0b" })).toBe("INVALID_CONVERSATION_NAME");
  expect(await group({ memberIds: [] })).toBe("INVALID_PARAMETER");
  expect(await group({ memberIds: [anna] })).toBe("INVALID_PARAMETER");
  expect(await group({ memberIds: Array.from({ length: 500 }, (_, at) => String(at + 1)) })).toBe("CONVERSATION_FULL");
  expect(await group({ memberIds: [ben, cleo], settings: '{"max_members":2}' })).toBe("CONVERSATION_FULL");
  expect(await group({ type: ConversationType.WORLD })).toBe("INVALID_PARAMETER");
  expect(await group({ settings: "[]" })).toBe("INVALID_PARAMETER");
  for (const avatarUrl of ["javascript:alert(1)", 'https://x/"onload="', "/api/files/../x", "ftp://x/y"]) {
    expect(await group({ avatarUrl })).toBe("INVALID_PARAMETER");
  }
  expect(await group({ settings: '{"max_members":50,"x":1}' })).toBe("ok");
});

test("spec 00 §3: a push of a listed conversation reaches its members' gateways and skips the sending session", async () => {
  const conversationId = await createGroup([ben]);
  const [annasSocket, bensSocket] = [await chat.connect(anna), await chat.connect(ben)];
  await chat.connect(cleo);
  const send = { conversationId, content: "hi", clientMsgId: "c1", userId: BigInt(anna), sessionId: annasSocket };
  await chat.sendUpstream(send);
  await until("the ack", () => chat.acks().length === 1);
  const pushes = chat.downstream.flatMap(({ items }) => items.filter(({ body }) => body.case === "push"));
  expect(pushes.map(({ target }) => target.case === "users" && target.value.userIds.map(String).toSorted())).toEqual([
    [anna, ben].toSorted(),
  ]);
  const [push] = pushes.map(({ body }) => (body.case === "push" ? body.value : undefined));
  expect(push).toMatchObject({ conversationId, rows: [{ originSessionId: annasSocket }] });
  expect(push?.rows[0]?.message).toMatchObject({ content: "hi", seqId: 1n, sender: { username: "anna" } });
  expect(bensSocket).not.toBe("");
});

test("G7: whoever is no member reads nothing and learns nothing; what does not exist is not found", async () => {
  const conversationId = await createGroup([ben]);
  await say(anna, conversationId, 1);
  const calls = (id: string, userId: string) => [
    codeOf(chat.conversation.getConversation({ userId, conversationId: id })),
    codeOf(chat.conversation.getMembers({ userId, conversationId: id })),
    codeOf(chat.conversation.getMessages({ userId, conversationId: id })),
    codeOf(chat.conversation.markAsRead({ userId, conversationId: id, seqId: 1n })),
    codeOf(chat.conversation.getUnreadCount({ userId, conversationId: id })),
  ];
  expect(new Set(await Promise.all(calls(conversationId, ben)))).toEqual(new Set(["ok"]));
  expect(new Set(await Promise.all(calls(conversationId, cleo)))).toEqual(new Set(["NOT_CONVERSATION_MEMBER"]));
  expect(new Set(await Promise.all(calls("group_1", cleo)))).toEqual(new Set(["CONVERSATION_NOT_FOUND"]));
  expect(new Set(await Promise.all(calls("' OR '1'='1", cleo)))).toEqual(new Set(["CONVERSATION_NOT_FOUND"]));
});

test("spec 10 §1: history pages in both directions, and says for which range it is complete", async () => {
  const conversationId = await createGroup([ben]);
  await say(anna, conversationId, 7);
  const page = async (init: object) => {
    const answer = await chat.conversation.getMessages({ userId: ben, conversationId, ...init });
    const { hasMore, nextSeqId, prevSeqId, latestSeqId, completeFrom, completeTo } = answer;
    const seqs = answer.messages.map(({ seqId }) => Number(seqId));
    return [seqs, hasMore, [nextSeqId, prevSeqId, latestSeqId, completeFrom, completeTo].map(Number)] as const;
  };
  expect(await page({ limit: 3 })).toEqual([[7, 6, 5], true, [4, 0, 7, 5, 7]]);
  expect(await page({ limit: 3, endSeqId: 4n })).toEqual([[4, 3, 2], true, [1, 5, 7, 2, 4]]);
  expect(await page({ limit: 3, endSeqId: 1n })).toEqual([[1], false, [0, 2, 7, 1, 1]]);
  expect(await page({ limit: 3, startSeqId: 3n, ascending: true })).toEqual([[3, 4, 5], true, [6, 2, 7, 3, 5]]);
  expect(await page({ limit: 3, startSeqId: 6n, ascending: true })).toEqual([[6, 7], false, [0, 5, 7, 6, 7]]);
  expect(await page({ startSeqId: 8n, ascending: true })).toEqual([[], false, [0, 0, 7, 8, 7]]);
  expect(await codeOf(chat.conversation.getMessages({ userId: ben, conversationId, limit: 101 }))).toBe(
    "INVALID_PARAMETER",
  );
});

test("spec 40 §4: unread counts are exact; reading is monotonic, clamped, and told once per move", async () => {
  const events: MessageEvent[] = [];
  await collect(chat.mq, topics.messageEvents, events);
  const conversationId = await createGroup([ben]);
  await say(anna, conversationId, 5);
  const read = (seqId: bigint) => chat.conversation.markAsRead({ userId: ben, conversationId, seqId });
  expect(await chat.conversation.getUnreadCount({ userId: ben })).toMatchObject({
    unreadCount: 5n,
    conversationCounts: { [conversationId]: 5n },
  });
  expect(await read(3n)).toMatchObject({ success: true, unreadCount: 2n, lastReadSeqId: 3n });
  expect(await read(1n)).toMatchObject({ unreadCount: 2n, lastReadSeqId: 3n });
  expect(await read(99n)).toMatchObject({ unreadCount: 0n, lastReadSeqId: 5n });
  await until("the events", () => events.length === 2);
  const moves = events.map(({ payload }) => payload.case === "read" && [payload.value.fromSeq, payload.value.seqId]);
  expect(moves).toEqual([
    [0n, 3n],
    [3n, 5n],
  ]);
  // The sender has read what he wrote.
  expect(await chat.conversation.getUnreadCount({ userId: anna, conversationId })).toMatchObject({ unreadCount: 0n });
});

test("spec 10 §5: the list has the world and the caller's conversations with last message, unread and membership", async () => {
  const conversationId = await createGroup([ben]);
  await createSingle(ben, cleo);
  await say(anna, conversationId, 2);
  const list = await chat.conversation.getConversationsOptimized({
    userId: ben,
    includeLastMessage: true,
    includeUnreadCount: true,
  });
  expect(list.conversations.map(({ type }) => type)).toEqual([
    ConversationType.WORLD,
    ConversationType.GROUP,
    ConversationType.SINGLE,
  ]);
  expect(list).toMatchObject({ total: 3n, hasMore: false, page: 1 });
  expect(list.conversations[1]).toMatchObject({
    id: conversationId,
    unreadCount: 2n,
    lastSeqId: 2n,
    lastMessage: { content: "message 2" },
    myMembership: { user: { id: ben } },
  });
  expect(list.conversations[2]).toMatchObject({ name: "cleo", peer: { id: cleo } });
  const { conversations } = await chat.conversation.getConversations({ userId: ben, page: 2, pageSize: 2 });
  expect(conversations.map(({ name }) => name)).toEqual(["cleo"]);
  const found = await chat.conversation.searchConversations({ userId: ben, query: "GROUP" });
  expect(found.conversations.map(({ id }) => id)).toEqual([conversationId]);
  const incremental = await chat.conversation.getConversationsOptimized({ userId: ben, lastSyncTime: 1n, limit: 10 });
  expect(incremental.conversations.length).toBeGreaterThan(0);
  expect(incremental.serverTime).toBeGreaterThan(0n);
});

test("spec 10 §5: a search looks beyond the first page of the list, and gives no more than asked for", async () => {
  for (const name of ["Needle 1", "needle 2"]) await createGroup([ben], name);
  for (let at = 0; at < 205; at += 1) await createGroup([ben], `hay ${at}`);
  const search = async (limit: number) =>
    (await chat.conversation.searchConversations({ userId: ben, query: "needle", limit })).conversations;
  expect((await search(0)).map(({ name }) => name)).toEqual(["needle 2", "Needle 1"]);
  expect((await search(1)).map(({ name }) => name)).toEqual(["needle 2"]);
});

test("spec 10 §5: one conversation shows the caller's view and its members", async () => {
  const conversationId = await createGroup([ben, cleo]);
  await say(anna, conversationId, 2);
  const answer = await chat.conversation.getConversation({ userId: ben, conversationId, includeMembers: true });
  expect(answer.conversation).toMatchObject({
    id: conversationId,
    name: "The group",
    ownerId: anna,
    memberCount: 3,
    lastSeqId: 2n,
    lastReadSeqId: 0n,
    unreadCount: 2n,
    lastMessage: { seqId: 2n },
  });
  expect(answer.members.map(({ user }) => user?.id).toSorted()).toEqual([anna, ben, cleo].toSorted());
  const members = await chat.conversation.getMembers({ userId: ben, conversationId, page: 2, pageSize: 2 });
  expect([members.members.length, members.total, members.hasMore]).toEqual([1, 3n, false]);
});

test("spec 30 §3: GetRooms answers per user, the world for everybody", async () => {
  await createGroup([ben]);
  const { users } = await chat.conversation.getRooms({ userIds: [ben, anna] });
  expect(users.map(({ userId, rooms }) => [userId, rooms.map(({ conversationId }) => conversationId)])).toEqual([
    [ben, ["world"]],
    [anna, ["world"]],
  ]);
});

test("spec 10 §5: joining the world is idempotent, also for guests", async () => {
  const guest = await chat.addUser("", { guest: true });
  for (const userId of [guest, guest, anna]) {
    const { success, conversation } = await chat.conversation.joinWorldChat({ userId });
    expect(success).toBe(true);
    expect(conversation).toMatchObject({ id: "world", type: ConversationType.WORLD, isRoom: true });
  }
});

test("spec 20 §7: sync answers in the order of its items, within rows and bytes, and says what is complete", async () => {
  const group = await createGroup([ben]);
  await say(anna, group, 5);
  await say(anna, "world", 2);
  const items = [
    { conversationId: group, afterSeqId: 2n },
    { conversationId: "world", afterSeqId: 2n },
    { conversationId: "group_1", afterSeqId: 0n },
  ];
  const { results } = await chat.conversation.syncMessages({ userId: ben, items, limit: 2 });
  expect(results.map(({ messages }) => messages.map(({ seqId }) => Number(seqId)))).toEqual([[3, 4], [], []]);
  expect(results[0]).toMatchObject({ hasMore: true, completeFrom: 3n, completeTo: 4n, latestSeqId: 5n });
  expect(results[1]).toMatchObject({ hasMore: false, latestSeqId: 2n, errorCode: "" });
  expect(results[2]).toMatchObject({ errorCode: "CONVERSATION_NOT_FOUND", hasMore: false });
  const tight = await chat.conversation.syncMessages({ userId: ben, items, limit: 100, maxBytes: 2400 });
  expect(tight.results[0]).toMatchObject({ hasMore: true, completeFrom: 3n, completeTo: 4n });
  expect(tight.results[0]?.messages.length).toBe(2);
  const others = await chat.conversation.syncMessages({ userId: cleo, items: items.slice(0, 1) });
  expect(others.results[0]).toMatchObject({ errorCode: "NOT_CONVERSATION_MEMBER", messages: [], latestSeqId: 0n });
  const many = Array.from({ length: 51 }, () => ({ conversationId: "world", afterSeqId: 0n }));
  expect(await codeOf(chat.conversation.syncMessages({ userId: ben, items: many }))).toBe("INVALID_PARAMETER");
});
