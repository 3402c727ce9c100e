import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Client } from "@connectrpc/connect";
import { eq } from "drizzle-orm";
import { insertMany, now, run } from "#infra/db/steps.ts";
import { createDirectClient } from "#infra/rpc/direct.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { isAppError } from "#proto/errors.ts";
import { ConversationMemberRole, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { createCommitter } from "../commit.ts";
import { worldId } from "../context.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { conversationService } from "./conversation.ts";
import { friendshipService } from "./friendship.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function conversationServiceSuite(createTestRepo: CreateTestRepo): void {
  let repo: TestRepo;
  let client: Client<typeof ConversationService>;
  let clockMs: number;

  beforeEach(async () => {
    clockMs = 1_800_000_000_000;
    repo = await createTestRepo({ clock: () => clockMs });
    client = createDirectClient(ConversationService, conversationService(repo.context), { errors: connectErrors });
  });
  afterEach(async () => {
    await repo[Symbol.asyncDispose]();
  });

  async function codeOf(call: Promise<unknown>): Promise<string> {
    try {
      await call;
      return "ok";
    } catch (error) {
      return isAppError(error) ? error.code : String(error);
    }
  }

  /** Stores one message; answers its id. */
  async function send(conversationId: string, senderId: bigint, content = "hi"): Promise<bigint> {
    const messageId = repo.context.ids.snowflake();
    const item = {
      messageId,
      conversationId,
      senderId,
      type: 1,
      content,
      clientMsgId: messageId.toString(),
      sendHash: new Uint8Array(32),
      extra: "",
      meta: "",
      replyToId: undefined,
      mentions: [],
      createdAtMs: clockMs,
    };
    const { results } = await createCommitter(repo.context).commit([item]);
    expect(results[0]?.at).toBe("stored");
    return messageId;
  }

  const single = (a: bigint, b: bigint) =>
    client.createConversation({ type: ConversationType.SINGLE, ownerId: `${a}`, memberIds: [`${b}`] });
  const group = async (owner: bigint, members: readonly bigint[], name = "g"): Promise<string> => {
    const memberIds = members.map(String);
    const made = await client.createConversation({
      type: ConversationType.GROUP,
      ownerId: `${owner}`,
      memberIds,
      name,
    });
    return made.conversation?.id ?? "";
  };
  const list = (
    userId: bigint,
    more: { offset?: number; limit?: number; updatedSince?: bigint; typeFilter?: ConversationType } = {},
  ) =>
    client.getUserConversationsWithDetails({
      userId: `${userId}`,
      includeLastMessage: true,
      includeSenderInfo: true,
      ...more,
    });
  const idsOf = async (userId: bigint) => (await list(userId)).conversations.map((one) => one.conversation?.id);

  describe("creating (spec 40 §1, §7)", () => {
    test("a single's id is derived from the pair; the second creation answers the first, from either side", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const first = await single(b, a);
      expect(first.created).toBe(true);
      expect(first.conversation).toMatchObject({
        id: `single_${a}_${b}`,
        type: ConversationType.SINGLE,
        memberCount: 2,
      });
      const second = await single(a, b);
      expect(second.created).toBe(false);
      expect(second.conversation?.id).toBe(`single_${a}_${b}`);
    });

    test("twenty creations of one single at once make one", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const made = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? single(a, b) : single(b, a))));
      expect(made.filter((one) => one.created).length).toBe(1);
      expect((await client.getConversationMembers({ conversationId: `single_${a}_${b}` })).members.length).toBe(2);
    });

    test("a group has its creator as owner and everybody once; it is no room and has no row", async () => {
      const [a, b, c] = [await repo.addUser(), await repo.addUser(), await repo.addUser()];
      const id = await group(a, [b, c, b, a], "three");
      const { conversation } = await client.getConversation({ conversationId: id });
      expect(conversation).toMatchObject({
        name: "three",
        ownerId: `${a}`,
        memberCount: 3,
        lastSeqId: 0n,
        isRoom: false,
      });
      const { members, total } = await client.getConversationMembers({ conversationId: id });
      expect(total).toBe(3n);
      expect(members.map((one) => [one.user?.id, one.role])).toEqual([
        [`${a}`, ConversationMemberRole.OWNER],
        [`${b}`, ConversationMemberRole.MEMBER],
        [`${c}`, ConversationMemberRole.MEMBER],
      ]);
      expect(members[0]?.user?.username).toBe(`user_${a}`);
    });

    test("what cannot be a conversation is refused", async () => {
      const a = await repo.addUser();
      expect(await codeOf(single(a, a))).toBe("INVALID_PARAMETER");
      expect(await codeOf(client.createConversation({ type: ConversationType.WORLD, ownerId: `${a}` }))).toBe(
        "INVALID_PARAMETER",
      );
      expect(await codeOf(client.createConversation({ type: ConversationType.GROUP, ownerId: "x", name: "g" }))).toBe(
        "INVALID_PARAMETER",
      );
      expect(await codeOf(client.getConversation({ conversationId: "group_1" }))).toBe("CONVERSATION_NOT_FOUND");
    });

    test("several are answered in the order asked for, unknown ones left out", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const id = await group(a, [b]);
      const { conversations } = await client.batchGetConversations({ conversationIds: [id, "group_0", worldId] });
      expect(conversations.map((one) => one.id)).toEqual([id, worldId]);
    });

    test("the world's members are counted", async () => {
      await repo.addUser();
      await repo.addUser();
      expect((await client.getConversation({ conversationId: worldId })).conversation?.memberCount).toBe(2);
      await repo.addUser();
      clockMs += 10_000;
      expect((await client.getConversation({ conversationId: worldId })).conversation?.memberCount).toBe(3);
    });
  });

  describe("the list (spec 10 §5, 40 §4)", () => {
    test("world first, then pinned by latest pin, then by latest activity", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const ids: string[] = [];
      for (const name of ["old", "pinned1", "pinned2", "new"]) {
        clockMs += 1000;
        ids.push(await group(a, [b], name));
      }
      const [old, pinned1, pinned2, newest] = ids as [string, string, string, string];
      const { conversationMembers: m } = repo.context.tables;
      for (const [id, pinnedAt] of [
        [pinned1, 5000],
        [pinned2, 4000],
      ] as const) {
        await repo.context.db.transaction(function* (tx) {
          yield* run(tx.q.update(m).set({ pinnedAt }).where(eq(m.conversationId, id)));
        });
      }
      expect(await idsOf(a)).toEqual([worldId, pinned1, pinned2, newest, old]);
      clockMs += 1000;
      await send(old, b);
      expect(await idsOf(a)).toEqual([worldId, pinned1, pinned2, old, newest]);
      const { conversationIds } = await client.getUserConversations({ userId: `${a}`, limit: 2, offset: 1 });
      expect(conversationIds).toEqual([pinned1, pinned2]);
    });

    test("one row has conversation, membership, last message with sender, unread and pointer", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const id = await group(a, [b]);
      await send(id, b, "one");
      await send(id, b, "two");
      const [row] = (await list(a, { typeFilter: ConversationType.GROUP })).conversations;
      expect(row?.conversation).toMatchObject({ id, lastSeqId: 2n, lastReadSeqId: 0n });
      expect(row?.userMembership).toMatchObject({ role: ConversationMemberRole.OWNER, user: { id: `${a}` } });
      expect(row?.lastMessage).toMatchObject({
        content: "two",
        seqId: 2n,
        sender: { id: `${b}`, username: `user_${b}` },
      });
      expect(row?.unreadCount).toBe(2n);
      const [theirs] = (await list(b, { typeFilter: ConversationType.GROUP })).conversations;
      expect(theirs?.unreadCount).toBe(0n);
      expect(theirs?.conversation?.lastReadSeqId).toBe(2n);
    });

    test("pages: total and hasMore, also past the end", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      for (let n = 0; n < 4; n++) await group(a, [b]);
      const first = await list(a, { limit: 3 });
      expect([first.total, first.hasMore, first.conversations.length]).toEqual([5n, true, 3]);
      const second = await list(a, { limit: 3, offset: 3 });
      expect([second.total, second.hasMore, second.conversations.length]).toEqual([5n, false, 2]);
      const third = await list(a, { limit: 3, offset: 6 });
      expect([third.total, third.hasMore, third.conversations.length]).toEqual([5n, false, 0]);
    });

    test("incremental: what changed since, oldest change first, with 10 s of overlap; serverTime is the database's", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const one = await group(a, [b]);
      clockMs += 60_000;
      const two = await group(a, [b]);
      clockMs += 60_000;
      const { serverTime } = await list(a);
      expect(serverTime).toBe(BigInt(clockMs / 1000));
      expect((await list(a, { updatedSince: serverTime })).conversations).toEqual([]);
      await send(two, b);
      clockMs += 5000;
      await send(one, b);
      const ids = (await list(a, { updatedSince: serverTime + 10n })).conversations.map((row) => row.conversation?.id);
      expect(ids).toEqual([two, one]);
    });

    test("what the user hid comes back with the next row", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const id = await group(a, [b]);
      await send(id, b);
      const { conversationMembers: m } = repo.context.tables;
      await repo.context.db.transaction(function* (tx) {
        yield* run(tx.q.update(m).set({ hiddenBeforeSeq: 1n }).where(eq(m.userId, a)));
      });
      expect(await idsOf(a)).toEqual([]);
      await send(id, b);
      expect(await idsOf(a)).toEqual([id]);
    });
  });

  describe("members", () => {
    test("GetMembership and CheckMembers answer members only, the latter with members_seq", async () => {
      const [a, b, c] = [await repo.addUser(), await repo.addUser(), await repo.addUser()];
      const conversationId = await group(a, [b]);
      const userIds = [a, b, c].map(String);
      const { members } = await client.getMembership({ conversationId, userIds });
      expect(members.map((one) => one.user?.id).toSorted()).toEqual([`${a}`, `${b}`].toSorted());
      const checked = await client.checkMembers({ conversationId, userIds });
      expect(checked.memberUserIds.toSorted()).toEqual([`${a}`, `${b}`].toSorted());
      expect(checked.membersSeq).toBe(0n);
      expect((await client.checkMembers({ conversationId, userIds: [`${c}`] })).memberUserIds).toEqual([]);
      expect(await codeOf(client.checkMembers({ conversationId: "group_9", userIds }))).toBe("CONVERSATION_NOT_FOUND");
    });

    test("pages by offset and by keyset meet, and filter by role", async () => {
      const users = await Promise.all(Array.from({ length: 7 }, () => repo.addUser()));
      const [owner, ...others] = users as [bigint, ...bigint[]];
      const conversationId = await group(owner, others);
      const byOffset = await client.getConversationMembers({ conversationId, offset: 3, limit: 3 });
      expect([byOffset.total, byOffset.hasMore]).toEqual([7n, true]);
      const sorted = users.toSorted((x, y) => (x < y ? -1 : 1)).map(String);
      expect(byOffset.members.map((one) => one.user?.id)).toEqual(sorted.slice(3, 6));
      const byKey = await client.getConversationMembers({ conversationId, afterUserId: sorted[2] ?? "", limit: 3 });
      expect(byKey.members).toEqual(byOffset.members);
      const owners = await client.getConversationMembers({ conversationId, roleFilter: ConversationMemberRole.OWNER });
      expect(owners.members.map((one) => one.user?.id)).toEqual([`${owner}`]);
    });

    test("rooms of users: the world for everybody, nothing for strangers, in the order asked for", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      await group(a, [b]);
      const { users } = await client.getUserRooms({ userIds: [`${b}`, "77", `${a}`] });
      expect(users.map((one) => [one.userId, one.rooms.map((room) => room.conversationId)])).toEqual([
        [`${b}`, [worldId]],
        ["77", []],
        [`${a}`, [worldId]],
      ]);
    });

    test("routes: members of listed conversations are offline without presence; rooms have none", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const id = await group(a, [b]);
      const answer = await client.getConversationRoutes({ conversationIds: [id, worldId] });
      expect(answer.routesKnown).toBe(true);
      const found = new Map(answer.conversations.map((one) => [one.conversationId, one]));
      expect(found.get(id)?.offlineUserIds.length).toBe(2);
      expect(found.get(worldId)).toMatchObject({ isRoom: true, routes: [], offlineUserIds: [] });
    });
  });

  describe("read pointers (spec 40 §2, §4)", () => {
    test("a pointer moves forward only, and at most to the newest row", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const conversationId = await group(a, [b]);
      for (let n = 0; n < 5; n++) await send(conversationId, b);
      const move = (seqId: bigint) => client.updateReadPointer({ userId: `${a}`, conversationId, seqId });
      expect(await move(3n)).toMatchObject({ previousSeqId: 0n, lastReadSeqId: 3n, unreadCount: 2n });
      expect(await move(1n)).toMatchObject({ previousSeqId: 3n, lastReadSeqId: 3n, unreadCount: 2n });
      expect(await move(0n)).toMatchObject({ lastReadSeqId: 3n });
      expect(await move(10n ** 15n)).toMatchObject({ previousSeqId: 3n, lastReadSeqId: 5n, unreadCount: 0n });
      const { pointer } = await client.getReadPointer({ userId: `${a}`, conversationId });
      expect(pointer).toMatchObject({ lastReadSeqId: 5n, lastReadMessageNo: 5n });
    });

    test("moves at once leave the highest", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const conversationId = await group(a, [b]);
      for (let n = 0; n < 9; n++) await send(conversationId, b);
      const seqs = [4n, 9n, 2n, 7n, 1n, 8n];
      await Promise.all(seqs.map((seqId) => client.updateReadPointer({ userId: `${a}`, conversationId, seqId })));
      expect((await client.getReadPointer({ userId: `${a}`, conversationId })).pointer?.lastReadSeqId).toBe(9n);
    });

    test("changes do not count as unread", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const conversationId = await group(a, [b]);
      await send(conversationId, b);
      await addChange(conversationId, b, 2n);
      expect((await client.getUnreadCount({ userId: `${a}`, conversationId })).unreadCount).toBe(1n);
      const moved = await client.updateReadPointer({ userId: `${a}`, conversationId, seqId: 2n });
      expect(moved).toMatchObject({ lastReadSeqId: 2n, unreadCount: 0n });
    });

    test("a newcomer begins with 0 unread", async () => {
      const a = await repo.addUser();
      await send(worldId, a);
      const late = await repo.addUser();
      expect((await client.getUnreadCount({ userId: `${late}`, conversationId: worldId })).unreadCount).toBe(0n);
    });

    test("G7: who is no member has no pointer to move and nothing unread", async () => {
      const [a, b, c] = [await repo.addUser(), await repo.addUser(), await repo.addUser()];
      const conversationId = await group(a, [b]);
      await send(conversationId, a);
      const stranger = { userId: `${c}`, conversationId };
      expect(await codeOf(client.updateReadPointer({ ...stranger, seqId: 1n }))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await codeOf(client.getUnreadCount(stranger))).toBe("NOT_CONVERSATION_MEMBER");
      expect((await client.getReadPointer(stranger)).pointer).toBeUndefined();
      expect((await client.batchGetUnreadCounts({ userId: `${c}`, conversationIds: [conversationId] })).counts).toEqual(
        {},
      );
    });

    test("all counts of a user at once", async () => {
      const [a, b] = [await repo.addUser(), await repo.addUser()];
      const [one, two] = [await group(a, [b]), await group(a, [b])];
      await send(one, b);
      await send(two, b);
      await send(two, b);
      const { counts } = await client.batchGetUnreadCounts({ userId: `${a}` });
      expect(counts).toEqual({ [worldId]: 0n, [one]: 1n, [two]: 2n });
    });
  });

  async function addChange(conversationId: string, senderId: bigint, seqId: bigint): Promise<void> {
    const { messages, conversations: c } = repo.context.tables;
    await repo.context.db.transaction(function* (tx) {
      const at = yield* now();
      const id = repo.context.ids.snowflake();
      const change = { kind: 2, messageType: 4, changeType: "info_updated", content: "", messageNo: seqId - 1n };
      yield* insertMany(messages, [{ id, conversationId, senderId, seqId, ...change, createdAt: at, updatedAt: at }]);
      yield* run(tx.q.update(c).set({ lastSeqId: seqId }).where(eq(c.id, conversationId)));
    });
  }

  describe("relations", () => {
    test("friendship and blocks in both directions", async () => {
      const friends = createDirectClient(FriendshipService, friendshipService(repo.context), { errors: connectErrors });
      const { friendshipRequests: f } = repo.context.tables;
      const row = (id: bigint, requesterId: bigint, targetId: bigint, status: number) => ({
        id,
        requesterId,
        targetId,
        status,
        createdAt: clockMs,
        updatedAt: clockMs,
      });
      await repo.context.db.transaction(() =>
        insertMany(f, [row(1n, 1n, 2n, 1), row(2n, 2n, 1n, 1), row(3n, 3n, 1n, 3), row(4n, 1n, 4n, 3)]),
      );
      const { relations } = await friends.areFriends({ userId: "1", otherIds: ["2", "3", "4", "5"] });
      expect(relations["2"]).toMatchObject({ friends: true, blocking: false, blocked: false });
      expect(relations["3"]).toMatchObject({ friends: false, blocking: false, blocked: true });
      expect(relations["4"]).toMatchObject({ friends: false, blocking: true, blocked: false });
      expect(relations["5"]).toMatchObject({ friends: false, blocking: false, blocked: false });
    });
  });
}
