import { describe, expect, test } from "bun:test";
import { RemovalReason } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { CreateTestRepo } from "../testing.ts";
import { ChangesFixture, codeOf } from "./changes-testing.ts";

/** Members of groups, and what a member decides for himself. Runs on every database: `createTestRepo` says on which. */
export function memberChangesSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);

  const add = (userIds: readonly string[], fields: object = {}) =>
    at.conversation.addConversationMember({
      conversationId: at.group,
      operatorId: at.owner,
      userIds: [...userIds],
      membersMax: 10,
      ...fields,
    });
  const remove = (userIds: readonly string[], fields: object = {}) =>
    at.conversation.removeConversationMember({
      conversationId: at.group,
      operatorId: at.owner,
      userIds: [...userIds],
      reason: RemovalReason.REMOVED,
      ...fields,
    });
  const leave = (userId: string) => remove([userId], { operatorId: userId, reason: RemovalReason.LEFT });
  const newUser = async (options = {}): Promise<string> => (await at.repo.addUser(options)).toString();
  /** Role, muted, personal settings of a member, or undefined. */
  const member = async (userId: string) => {
    const { members } = await at.conversation.getMembership({ conversationId: at.group, userIds: [userId] });
    return members[0];
  };
  const shown = async () => (await at.conversation.getConversation({ conversationId: at.group })).conversation;
  const unread = async (userId: string): Promise<bigint> =>
    (await at.conversation.getUnreadCount({ userId, conversationId: at.group })).unreadCount;

  describe("adding (spec 10 §6)", () => {
    test("whom it can, who not by name, one row; everything before counts as read", async () => {
      await at.send(at.ann, "before");
      const [eve, guest] = [await newUser(), await newUser({ isGuest: true })];
      const disabled = await newUser({ status: 1 });
      const added = await add([eve, at.ann, guest, disabled, "999", eve], { clientMsgId: "add" });
      expect(added).toMatchObject({ addedUserIds: [eve], memberCount: 4 });
      expect(added.failed.map(({ userId, errorCode }) => [userId, errorCode])).toEqual([
        [at.ann, "USER_ALREADY_IN_CONVERSATION"],
        [guest, "GUEST_FORBIDDEN"],
        [disabled, "USER_NOT_FOUND"],
        ["999", "USER_NOT_FOUND"],
      ]);
      expect(added.changes?.rows.map((row) => [row.seqId, row.changeType])).toEqual([[2n, "member_added"]]);
      expect(await shown()).toMatchObject({ memberCount: 4, lastSeqId: 2n });
      expect(await unread(eve)).toBe(0n);
      await at.send(at.ann, "after");
      expect(await unread(eve)).toBe(1n);
    });

    test("a repeat answers what the first came to, other content is IDEMPOTENCY_CONFLICT", async () => {
      const [eve, fay] = [await newUser(), await newUser()];
      await add([eve], { clientMsgId: "k" });
      expect(await add([eve], { clientMsgId: "k" })).toMatchObject({ addedUserIds: [eve] });
      expect(await codeOf(add([fay], { clientMsgId: "k" }))).toBe("IDEMPOTENCY_CONFLICT");
      expect((await at.history()).map((row) => row.changeType)).toEqual(["member_added"]);
    });

    test("CONVERSATION_FULL by the group's own bound, else by the caller's; nobody is added then", async () => {
      const [eve, fay] = [await newUser(), await newUser()];
      expect(await codeOf(add([eve, fay], { membersMax: 4 }))).toBe("CONVERSATION_FULL");
      await at.setGroup({ settings: '{"max_members":4}' });
      expect(await codeOf(add([eve, fay]))).toBe("CONVERSATION_FULL");
      expect(await member(eve)).toBeUndefined();
      expect((await add([eve])).memberCount).toBe(4);
    });

    test("CONVERSATION_FULL for one of two who add the last place at the same time", async () => {
      const [eve, fay] = [await newUser(), await newUser()];
      await at.setGroup({ settings: '{"max_members":4}' });
      const codes = await Promise.all([codeOf(add([eve])), codeOf(add([fay], { operatorId: at.ann }))]);
      expect(codes.toSorted()).toEqual(["CONVERSATION_FULL", "nothing"]);
      expect(await shown()).toMatchObject({ memberCount: 4 });
    });

    test("who is added twice at the same time is in it once", async () => {
      const eve = await newUser();
      const both = await Promise.all([add([eve]), add([eve], { operatorId: at.ann })]);
      expect(both.map(({ addedUserIds }) => addedUserIds.length).toSorted()).toEqual([0, 1]);
      expect(await shown()).toMatchObject({ memberCount: 4, lastSeqId: 1n });
    });

    test("a group that hides its past shows newcomers nothing of it", async () => {
      await at.send(at.ann, "before");
      await at.setGroup({ settings: '{"allow_member_view_history":false}' });
      const eve = await newUser();
      await add([eve]);
      expect((await member(eve))?.hiddenBeforeSeq).toBe(1n);
    });
  });

  describe("removing and leaving", () => {
    test("those below, the others by name; one alone is thrown instead", async () => {
      await at.setMember(at.ann, { role: 2 });
      const removed = await remove([at.bob, at.owner, "999"], { operatorId: at.ann, clientMsgId: "r" });
      expect(removed).toMatchObject({ removedUserIds: [at.bob], memberCount: 2 });
      expect(removed.failed.map(({ userId, errorCode }) => [userId, errorCode])).toEqual([
        [at.owner, "INSUFFICIENT_PERMISSION"],
        ["999", "NOT_CONVERSATION_MEMBER"],
      ]);
      expect(await codeOf(remove([at.owner], { operatorId: at.ann }))).toBe("INSUFFICIENT_PERMISSION");
      expect(await codeOf(remove([at.bob]))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await remove([at.bob, at.owner, "999"], { operatorId: at.ann, clientMsgId: "r" })).toMatchObject({
        removedUserIds: [at.bob],
      });
      expect(await member(at.bob)).toBeUndefined();
    });

    test("the list names removals since then; who comes back is none, and has not unread what he read", async () => {
      await at.send(at.ann, "one");
      await at.conversation.updateReadPointer({ userId: at.bob, conversationId: at.group, seqId: 1n });
      await leave(at.bob);
      const removals = async (): Promise<string[]> =>
        (await at.conversation.getUserConversationsWithDetails({ userId: at.bob, limit: 10, updatedSince: 1n }))
          .removedIds;
      expect(await removals()).toContain(at.group);
      await at.send(at.ann, "two");
      await add([at.bob]);
      expect(await removals()).not.toContain(at.group);
      expect(await unread(at.bob)).toBe(0n);
      // Gone again: the row of the first removal is taken over.
      await leave(at.bob);
      expect(await removals()).toContain(at.group);
    });

    test("CANNOT_LEAVE_CONVERSATION: the owner, and the world", async () => {
      expect(await codeOf(leave(at.owner))).toBe("CANNOT_LEAVE_CONVERSATION");
      expect(await codeOf(remove([at.ann], { ...leaving(at.ann), conversationId: "world" }))).toBe(
        "CANNOT_LEAVE_CONVERSATION",
      );
      expect(await codeOf(leave("999"))).toBe("USER_NOT_FOUND");
    });
    const leaving = (userId: string) => ({ operatorId: userId, reason: RemovalReason.LEFT });
  });

  describe("roles and mutes", () => {
    const setRole = (userId: string, newRole: 1 | 2 | 3, fields: object = {}) =>
      at.conversation.updateMemberRole({
        conversationId: at.group,
        operatorId: at.owner,
        userId,
        newRole,
        ...fields,
      });

    test("3 hands the group over in two rows; the present role makes none", async () => {
      const { changes } = await setRole(at.ann, 3, { clientMsgId: "t" });
      expect(changes?.rows.map(({ seqId, changeType }) => [seqId, changeType])).toEqual([
        [1n, "member_role"],
        [2n, "member_role"],
      ]);
      expect([(await member(at.ann))?.role, (await member(at.owner))?.role]).toEqual([3, 2]);
      expect((await shown())?.ownerId).toBe(at.ann);
      expect((await setRole(at.ann, 3, { operatorId: at.ann })).changes?.rows).toEqual([]);
      expect(await codeOf(setRole(at.bob, 2))).toBe("INSUFFICIENT_PERMISSION");
      expect((await setRole(at.ann, 3, { clientMsgId: "t" })).changes?.rows.map(({ seqId }) => seqId)).toEqual([1n]);
    });

    test("two hand-overs at the same time leave one owner", async () => {
      await Promise.allSettled([setRole(at.ann, 3), setRole(at.bob, 3)]);
      const roles = await Promise.all([at.owner, at.ann, at.bob].map(async (id) => (await member(id))?.role));
      expect(roles.filter((role) => role === 3)).toHaveLength(1);
      const owner = [at.owner, at.ann, at.bob][roles.indexOf(3)];
      expect((await shown())?.ownerId).toBe(owner ?? "");
    });

    test("a mute ends by the database's clock, or when it is lifted; lifting none makes no row", async () => {
      const mute = (muted: boolean, muteSeconds = 0n) =>
        at.conversation.updateMember({
          conversationId: at.group,
          operatorId: at.owner,
          userId: at.bob,
          muted,
          muteSeconds,
          updateMask: ["muted"],
        });
      expect((await mute(true, 60n)).member).toMatchObject({
        muted: true,
        mutedUntil: BigInt(at.nowMs / 1000 + 60),
      });
      expect((await mute(true)).member).toMatchObject({ muted: true, mutedUntil: 0n });
      expect((await mute(true)).changes?.rows).toEqual([]);
      expect((await mute(false)).member).toMatchObject({ muted: false });
      expect((await mute(false)).changes?.rows).toEqual([]);
      expect((await at.history()).map((row) => row.changeType)).toEqual(Array(3).fill("member_mute"));
    });
  });

  describe("what a member decides for himself (spec 40 §7)", () => {
    const set = (fields: object, userId = at.bob, conversationId = at.group) =>
      at.conversation.updateMember({ conversationId, userId, ...fields });

    test("pins and silence, set again in the same millisecond too; no row of the stream", async () => {
      const pin = { pinnedAt: 1n, notifyMuted: true, updateMask: ["pinned_at", "notify_muted"] };
      for (let times = 0; times < 2; times += 1) {
        expect((await set(pin)).member).toMatchObject({ notifyMuted: true, pinnedAt: BigInt(at.nowMs / 1000) });
      }
      expect((await set({ updateMask: ["pinned_at"] })).member).toMatchObject({ notifyMuted: true, pinnedAt: 0n });
      expect(await at.history()).toEqual([]);
      expect((await member(at.ann))?.notifyMuted).toBe(false);
    });

    test("hiding reads everything and hides it; NOT_CONVERSATION_MEMBER, CONVERSATION_NOT_FOUND", async () => {
      await at.send(at.ann, "one");
      expect(await unread(at.bob)).toBe(1n);
      expect((await set({ updateMask: ["hidden_before_seq"] })).member?.hiddenBeforeSeq).toBe(1n);
      expect(await unread(at.bob)).toBe(0n);
      const mask = { updateMask: ["notify_muted"] };
      expect(await codeOf(set(mask, await newUser()))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await codeOf(set(mask, at.bob, "group_1"))).toBe("CONVERSATION_NOT_FOUND");
    });

    test("what is hidden, without a row too, is removed from the list, also from the incremental one, until a row comes", async () => {
      const listed = async (userId: string, updatedSince: bigint) => {
        const list = await at.conversation.getUserConversationsWithDetails({ userId, limit: 10, updatedSince });
        return {
          shown: list.conversations.some(({ conversation }) => conversation?.id === at.group),
          removed: list.removedIds.includes(at.group),
        };
      };
      for (const content of ["one", "two"]) {
        await set({ updateMask: ["hidden_before_seq"] });
        expect(await listed(at.bob, 0n)).toEqual({ shown: false, removed: false });
        expect(await listed(at.bob, 1n)).toEqual({ shown: false, removed: true });
        expect(await listed(at.ann, 1n)).toEqual({ shown: true, removed: false });
        await at.send(at.ann, content);
        for (const since of [0n, 1n]) expect(await listed(at.bob, since)).toEqual({ shown: true, removed: false });
      }
    });
  });
}
