import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { asc, eq } from "drizzle-orm";
import { now, run, type Steps } from "#infra/db/steps.ts";
import { isAppError } from "#proto/errors.ts";
import { MemberRemovedChangeSchema, RoomModeChangeSchema } from "#proto/gen/gochat/common/v1/change_pb.ts";
import { changeHash, createChanger } from "./change.ts";
import { changeRowsOf } from "./change-rows.ts";
import type { ChangeScope } from "./change-scope.ts";
import { createCommitter } from "./commit.ts";
import { worldId } from "./context.ts";
import { createRouteFinder } from "./routes.ts";
import type { ChangePayload } from "./store/change-meta.ts";
import { unpackRanges } from "./store/outbox-ranges.ts";
import { formatPresence, presenceKey } from "./store/presence-format.ts";
import type { CreateTestRepo, TestRepo } from "./testing.ts";

const roomMode = (room: boolean): ChangePayload => ({
  case: "roomMode",
  value: create(RoomModeChangeSchema, { room, memberCount: 2 }),
});

/** Runs on every database: `createTestRepo` says on which. */
export function changeSuite(createTestRepo: CreateTestRepo): void {
  let repo: TestRepo;
  let ann: bigint;
  let bob: bigint;
  let group: string;
  beforeEach(async () => {
    repo = await createTestRepo();
    [ann, bob] = [await repo.addUser(), await repo.addUser()];
    group = await repo.addConversation([ann, bob]);
  });
  afterEach(async () => {
    await repo[Symbol.asyncDispose]();
  });

  const key = (
    fields: { conversationId?: string; operatorId?: bigint; clientMsgId?: string; hash?: Uint8Array } = {},
  ) => ({
    conversationId: group,
    operatorId: ann,
    clientMsgId: Bun.randomUUIDv7(),
    hash: changeHash("test"),
    ...fields,
  });
  const body = (act: (scope: ChangeScope) => void) =>
    function* (scope: ChangeScope): Steps<void> {
      yield* now();
      act(scope);
    };
  const addOne = body((scope) => {
    scope.add({ change: roomMode(true) });
  });
  const change = (fields = {}, steps: (scope: ChangeScope) => Steps<void> = addOne) =>
    createChanger(repo.context).run(key(fields), steps);
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise;
      return "nothing";
    } catch (error) {
      return isAppError(error) ? error.code : String(error);
    }
  };
  async function send(conversationId: string, senderId: bigint, content: string): Promise<bigint> {
    const messageId = repo.context.ids.snowflake();
    const item = { messageId, conversationId, senderId, type: 1, content, clientMsgId: String(messageId) };
    const rest = {
      sendHash: new Uint8Array(32),
      extra: "",
      meta: "",
      replyToId: undefined,
      mentions: [],
      createdAtMs: 0,
    };
    await createCommitter(repo.context).commit([{ ...item, ...rest }]);
    return messageId;
  }
  const rowsOf = (conversationId: string) => {
    const { messages: m } = repo.context.tables;
    return repo.context.db.q.select().from(m).where(eq(m.conversationId, conversationId)).orderBy(asc(m.seqId));
  };
  const headOf = async () => {
    const { conversations: c } = repo.context.tables;
    const [head] = await repo.context.db.q.select().from(c).where(eq(c.id, group));
    return head;
  };

  describe("a change (spec 40 §7)", () => {
    test("G2: a row of the stream with a seq of its own, not unread, beside one outbox row", async () => {
      await send(group, ann, "1");
      const changed = await change({ clientMsgId: "c1" });
      await send(group, bob, "2");
      expect((await rowsOf(group)).map((row) => [row.seqId, row.kind, row.changeType, row.messageNo])).toEqual([
        [1n, 1, null, 1n],
        [2n, 2, "room_mode", 1n],
        [3n, 1, null, 2n],
      ]);
      expect(changed.rows[0]).toMatchObject({ messageType: 4, content: "", senderId: ann, clientMsgId: "c1" });
      const outbox = await repo.context.db.q.select().from(repo.context.tables.outbox);
      const mine = outbox.find((row) => row.id === changed.outboxId);
      expect(unpackRanges(mine?.ranges ?? new Uint8Array())).toEqual([
        { conversationId: group, fromSeq: 2n, toSeq: 2n },
      ]);
    });

    test("the conversation moves with it: fields, last seq; the last message stays", async () => {
      const messageId = await send(group, ann, "1");
      await change(
        {},
        body((scope) => {
          scope.set({ isRoom: true, membersSeq: scope.add({ change: roomMode(true) }) });
          scope.add({ change: roomMode(false) });
        }),
      );
      expect(await headOf()).toMatchObject({
        lastSeqId: 3n,
        lastMessageNo: 1n,
        lastMessageId: messageId,
        isRoom: true,
        membersSeq: 2n,
      });
    });

    test("what changes nothing makes no row, and takes no seq", async () => {
      const changed = await change(
        {},
        body(() => undefined),
      );
      expect([changed.rows, changed.outboxId]).toEqual([[], undefined]);
      expect(await rowsOf(group)).toEqual([]);
    });

    test("what the body throws undoes all that it wrote", async () => {
      const { conversations: c } = repo.context.tables;
      const failed = change({}, function* (scope) {
        yield* run(scope.tx.q.update(c).set({ name: "x" }).where(eq(c.id, group)));
        scope.add({ change: roomMode(true) });
        throw new Error("no");
      });
      expect(await codeOf(failed)).toBe("Error: no");
      expect([(await headOf())?.name, await rowsOf(group)]).toEqual([null, []]);
    });
  });

  describe("G3: the same client_msg_id is one change", () => {
    test("a repeat answers the stored row, without running again or a second outbox row", async () => {
      const first = await change({ clientMsgId: "x" });
      const again = await change(
        { clientMsgId: "x" },
        body(() => {
          throw new Error("ran again");
        }),
      );
      expect([again.duplicate, again.rows.map((row) => row.id)]).toEqual([true, first.rows.map((row) => row.id)]);
      expect(again.outboxId).toBeUndefined();
      expect(await rowsOf(group)).toHaveLength(1);
    });

    test("other content under a known id is IDEMPOTENCY_CONFLICT, also across sends and changes", async () => {
      await change({ clientMsgId: "x" });
      expect(await codeOf(change({ clientMsgId: "x", hash: changeHash("other") }))).toBe("IDEMPOTENCY_CONFLICT");
      const sent = await send(group, ann, "hi");
      expect(await codeOf(change({ clientMsgId: String(sent) }))).toBe("IDEMPOTENCY_CONFLICT");
      expect(await codeOf(change({ clientMsgId: "x", operatorId: bob, hash: changeHash("other") }))).toBe("nothing");
    });

    test("two at once: one row, the other is its repeat", async () => {
      const both = await Promise.all([change({ clientMsgId: "x" }), change({ clientMsgId: "x" })]);
      expect(both.map((one) => one.duplicate).sort()).toEqual([false, true]);
      expect(await rowsOf(group)).toHaveLength(1);
    });

    test("the hash has one layout for ever", () => {
      expect(Buffer.from(changeHash("recall", "1", "why")).toString("hex")).toBe(
        "09b8601a1a91a7e6dd3747b83135c18f02ac0c1c1df16678a816864522a4a8b3",
      );
      expect(changeHash("a", "bc", "d")).not.toEqual(changeHash("a", "b", "cd"));
    });
  });

  test("G2: changes and sends of many at once number one stream without holes", async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? change() : send(group, bob, String(n)))));
    expect((await rowsOf(group)).map((row) => Number(row.seqId))).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  test("who and where: unknown, parked, disabled", async () => {
    const { conversations: c, users: u } = repo.context.tables;
    expect(await codeOf(change({ conversationId: "group_1" }))).toBe("CONVERSATION_NOT_FOUND");
    expect(await codeOf(change({ operatorId: 5n }))).toBe("USER_NOT_FOUND");
    await change({ clientMsgId: "before" });
    await repo.context.db.transaction((tx) => run(tx.q.update(u).set({ status: 1 }).where(eq(u.id, ann))));
    expect(await codeOf(change())).toBe("USER_DISABLED");
    expect(await codeOf(change({ clientMsgId: "before" }))).toBe("nothing");
    await repo.context.db.transaction((tx) => run(tx.q.update(c).set({ parkedAt: 1 }).where(eq(c.id, group))));
    expect(await codeOf(change({ operatorId: bob }))).toBe("SERVICE_UNAVAILABLE");
  });

  describe("routes of a change (spec 50 §3)", () => {
    const at = (gatewayId: string) => formatPresence([{ gatewayId, incarnation: "i", sessions: 1 }]);
    const wire = async (steps: (scope: ChangeScope) => Steps<void>) => {
      const changed = await change({}, steps);
      return await changeRowsOf(repo.context, createRouteFinder(repo.context), changed);
    };
    beforeEach(async () => {
      await repo.context.cache.set(presenceKey(ann), at("gateway-1"));
      await repo.context.cache.set(presenceKey(bob), at("gateway-2"));
    });

    test("the row that makes a group a room is listed, although it is a room now", async () => {
      const { conversations, routesKnown } = await wire(
        body((scope) => {
          scope.set({ isRoom: true });
          scope.add({ change: roomMode(true) });
        }),
      );
      expect([routesKnown, conversations[0]?.isRoom]).toEqual([true, true]);
      expect(conversations[0]?.routes.map((route) => route.userIds)).toEqual([[ann], [bob]]);
    });

    test("a removed user gets the row that removed him, beside the members", async () => {
      const { conversationMembers: m } = repo.context.tables;
      const { conversations } = await wire(function* (scope) {
        yield* run(scope.tx.q.delete(m).where(eq(m.userId, bob)));
        const value = create(MemberRemovedChangeSchema, {
          userIds: [bob.toString()],
          reason: "removed",
          memberCount: 1,
        });
        scope.set({ membersSeq: scope.add({ change: { case: "memberRemoved", value } }) });
      });
      expect(conversations[0]?.routes.map((route) => route.userIds)).toEqual([[ann]]);
      expect(conversations[0]?.extraRoutes.map((route) => [route.gatewayId, route.userIds])).toEqual([
        ["gateway-2", [bob]],
      ]);
    });

    test("a repeat has no routes: the outbox owes its push", async () => {
      await change({ clientMsgId: "x" });
      const again = await change({ clientMsgId: "x" });
      const { rows, conversations, outboxIds, duplicate } = await changeRowsOf(
        repo.context,
        createRouteFinder(repo.context),
        again,
      );
      expect([rows.length, conversations, outboxIds, duplicate]).toEqual([1, [], [], true]);
    });
  });

  test("the world takes changes too, in its own stream", async () => {
    await send(worldId, ann, "hi");
    const changed = await change({ conversationId: worldId });
    expect(changed.rows.map((row) => row.seqId)).toEqual([2n]);
  });
}
