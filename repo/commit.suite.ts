import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { asc, eq } from "drizzle-orm";
import { insertMany, run } from "#infra/db/steps.ts";
import { createCommitter } from "./commit.ts";
import type { ItemResult } from "./commit-draft.ts";
import type { CommitItem } from "./commit-item.ts";
import { worldId } from "./context.ts";
import { unpackRanges } from "./store/outbox-ranges.ts";
import type { CreateTestRepo, TestRepo } from "./testing.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function commitSuite(createTestRepo: CreateTestRepo): void {
  let repo: TestRepo;
  beforeEach(async () => {
    repo = await createTestRepo();
  });
  afterEach(async () => {
    await repo[Symbol.asyncDispose]();
  });

  const hash = (text: string): Uint8Array => new Bun.CryptoHasher("sha256").update(text).digest();

  function item(
    conversationId: string,
    senderId: bigint,
    content: string,
    fields: Partial<CommitItem> = {},
  ): CommitItem {
    return {
      messageId: repo.context.ids.snowflake(),
      conversationId,
      senderId,
      type: 1,
      content,
      clientMsgId: Bun.randomUUIDv7(),
      sendHash: hash(content),
      extra: "",
      meta: "",
      replyToId: undefined,
      mentions: [],
      createdAtMs: 0,
      ...fields,
    };
  }

  const commit = (items: readonly CommitItem[]) => createCommitter(repo.context).commit(items);
  const rowsOf = async (conversationId: string) => {
    const { messages: m } = repo.context.tables;
    return await repo.context.db.q.select().from(m).where(eq(m.conversationId, conversationId)).orderBy(asc(m.seqId));
  };
  const headOf = async (conversationId: string) => {
    const { conversations: c } = repo.context.tables;
    const [head] = await repo.context.db.q.select().from(c).where(eq(c.id, conversationId));
    if (head === undefined) throw new Error("no conversation");
    return head;
  };
  const told = (result: ItemResult | undefined): string => {
    if (result === undefined) return "nothing";
    if (result.at === "rejected") return result.refusal.code;
    return result.at === "stored" || result.at === "duplicate" ? `${result.at} ${result.row.seqId}` : result.at;
  };

  describe("CommitMessages (spec 40 §7)", () => {
    test("numbers rows per conversation in the order of the batch and moves heads and the sender's pointer", async () => {
      const [ann, bob] = [await repo.addUser(), await repo.addUser()];
      const group = await repo.addConversation([ann, bob]);
      const items = [item(group, ann, "1"), item(worldId, bob, "w1"), item(group, bob, "2"), item(group, ann, "3")];
      const done = await commit(items);
      expect(done.results.map(told)).toEqual(["stored 1", "stored 1", "stored 2", "stored 3"]);
      expect((await rowsOf(group)).map((row) => [row.content, row.seqId, row.messageNo])).toEqual([
        ["1", 1n, 1n],
        ["2", 2n, 2n],
        ["3", 3n, 3n],
      ]);
      const head = await headOf(group);
      expect([head.lastSeqId, head.lastMessageNo, head.lastMessageId]).toEqual([3n, 3n, items[3]?.messageId ?? 0n]);
      const { userReadPointers: p } = repo.context.tables;
      const pointers = await repo.context.db.q
        .select()
        .from(p)
        .where(eq(p.conversationId, group))
        .orderBy(asc(p.userId));
      expect(pointers.map((row) => [row.userId, row.lastReadSeqId])).toEqual([
        [ann, 3n],
        [bob, 2n],
      ]);
    });

    test("one outbox row per transaction names what it stored, the world apart from the others", async () => {
      const ann = await repo.addUser();
      const group = await repo.addConversation([ann]);
      const done = await commit([item(group, ann, "1"), item(worldId, ann, "w"), item(group, ann, "2")]);
      const rows = await repo.context.db.q.select().from(repo.context.tables.outbox);
      expect(rows.map((row) => row.id).sort()).toEqual([...done.outboxIds].sort());
      expect(
        new Set(
          rows.map((row) =>
            JSON.stringify(unpackRanges(row.ranges), (_, v) => String(v) && (typeof v === "bigint" ? Number(v) : v)),
          ),
        ),
      ).toEqual(
        new Set([
          JSON.stringify([{ conversationId: worldId, fromSeq: 1, toSeq: 1 }]),
          JSON.stringify([{ conversationId: group, fromSeq: 1, toSeq: 2 }]),
        ]),
      );
    });

    test("settled outbox rows go with the first transaction that commits, also one that stores nothing", async () => {
      const [ann, bob] = [await repo.addUser(), await repo.addUser()];
      const group = await repo.addConversation([ann]);
      const committer = createCommitter(repo.context);
      const outbox = async () =>
        (await repo.context.db.q.select().from(repo.context.tables.outbox)).map((row) => row.id).sort();
      const first = await commit([item(group, ann, "1"), item(worldId, ann, "w")]);
      expect(first.settled).toBe(true);
      const next = await committer.commit([item(group, ann, "2"), item(worldId, ann, "x")], [...first.outboxIds, 7n]);
      expect(next.settled).toBe(true);
      expect(await outbox()).toEqual([...next.outboxIds].sort());
      const [left, right] = next.outboxIds;
      const refused = await committer.commit([item(group, bob, "no")], [left as bigint]);
      expect([refused.settled, ...refused.results.map(told)]).toEqual([true, "NOT_CONVERSATION_MEMBER"]);
      expect(await outbox()).toEqual([right as bigint]);
      const halved = [item(group, ann, "3", { clientMsgId: "x".repeat(65) }), item(group, ann, "4")];
      const last = await committer.commit(halved, [right as bigint]);
      expect([last.settled, ...last.results.map(told)]).toEqual([true, "INTERNAL_ERROR", "stored 3"]);
      expect(await outbox()).toEqual([...last.outboxIds]);
    });

    test("G3: the same client_msg_id gives the stored ids, in the table and inside the batch", async () => {
      const ann = await repo.addUser();
      const first = item(worldId, ann, "hi", { clientMsgId: "x" });
      const again = { ...first, messageId: repo.context.ids.snowflake() };
      expect((await commit([first, again])).results.map(told)).toEqual(["stored 1", "duplicate 1"]);
      const third = await commit([again]);
      expect(third.results.map(told)).toEqual(["duplicate 1"]);
      expect(third.results[0]?.at === "duplicate" && third.results[0].row.id).toBe(first.messageId);
      expect(third.outboxIds).toEqual([]);
      expect(await rowsOf(worldId)).toHaveLength(1);
    });

    test("G3: ids are compared as bytes and belong to one sender and conversation", async () => {
      const [ann, bob] = [await repo.addUser(), await repo.addUser()];
      const group = await repo.addConversation([ann, bob]);
      const ids = ["a", "A", "a ", "ä", "a\u0308"];
      const done = await commit([
        ...ids.map((clientMsgId) => item(group, ann, "x", { clientMsgId })),
        item(group, bob, "x", { clientMsgId: "a" }),
        item(worldId, ann, "x", { clientMsgId: "a" }),
      ]);
      expect(done.results.map((result) => result.at)).toEqual(new Array(7).fill("stored"));
    });

    test("other content under a known id is IDEMPOTENCY_CONFLICT, the first content stays", async () => {
      const ann = await repo.addUser();
      const first = item(worldId, ann, "one", { clientMsgId: "x" });
      const other = item(worldId, ann, "two", { clientMsgId: "x" });
      expect((await commit([first, other])).results.map(told)).toEqual(["stored 1", "IDEMPOTENCY_CONFLICT"]);
      expect((await commit([other])).results.map(told)).toEqual(["IDEMPOTENCY_CONFLICT"]);
      expect((await rowsOf(worldId)).map((row) => row.content)).toEqual(["one"]);
    });

    test("a stored message stays acknowledged when its sender has lost the right to send", async () => {
      const ann = await repo.addUser();
      const sent = item(worldId, ann, "hi");
      await commit([sent]);
      const { users } = repo.context.tables;
      await repo.context.db.transaction((tx) => run(tx.q.update(users).set({ status: 1 }).where(eq(users.id, ann))));
      expect((await commit([sent, item(worldId, ann, "more")])).results.map(told)).toEqual([
        "duplicate 1",
        "USER_DISABLED",
      ]);
    });

    test("SQL in every string is stored as it is", async () => {
      const ann = await repo.addUser();
      const sql = `'; DROP TABLE messages; -- " \` \\ ? $1 \u{1F600}`;
      const sent = item(worldId, ann, sql, { clientMsgId: sql, extra: JSON.stringify({ sql }) });
      const unknown = item(sql, ann, "x");
      expect((await commit([sent, unknown])).results.map(told)).toEqual(["stored 1", "CONVERSATION_NOT_FOUND"]);
      const [row] = await rowsOf(worldId);
      expect([row?.content, row?.clientMsgId, row?.extra]).toEqual([sql, sql, JSON.stringify({ sql })]);
    });

    test("no conversation id and client_msg_id can be made up that answers another sender's row", async () => {
      const [ann, bob] = [await repo.addUser(), await repo.addUser()];
      const group = await repo.addConversation([ann]);
      await commit([item(group, ann, "secret", { clientMsgId: `y ${group}` })]);
      const forged = [`${group} ${ann}`, `y ${group}`, `${ann} ${group}`].map((conversationId) =>
        item(conversationId, bob, "secret", { clientMsgId: "y" }),
      );
      expect((await commit(forged)).results.map(told)).toEqual(new Array(3).fill("CONVERSATION_NOT_FOUND"));
    });
  });

  describe("G7: rights come from the database, after the lock", () => {
    test("who may not write is told why, and costs no seq", async () => {
      const [ann, bob] = [await repo.addUser(), await repo.addUser()];
      const [guest, gone] = [await repo.addUser({ isGuest: true }), await repo.addUser({ status: 2 })];
      const group = await repo.addConversation([ann, guest, gone]);
      const done = await commit([
        item(group, bob, "x"),
        item("group_1", ann, "x"),
        item(group, guest, "x"),
        item(worldId, guest, "x"),
        item(group, gone, "x"),
        item(group, 99n, "x"),
        item(group, ann, "x"),
      ]);
      expect(done.results.map(told)).toEqual([
        "NOT_CONVERSATION_MEMBER",
        "CONVERSATION_NOT_FOUND",
        "GUEST_FORBIDDEN",
        "stored 1",
        "USER_DISABLED",
        "USER_NOT_FOUND",
        "stored 1",
      ]);
    });

    test("a dissolved or parked conversation takes nothing", async () => {
      const ann = await repo.addUser();
      const [dissolved, parked] = [await repo.addConversation([ann]), await repo.addConversation([ann])];
      const { conversations: c } = repo.context.tables;
      await repo.context.db.transaction(function* (tx) {
        yield* run(tx.q.update(c).set({ dissolvedAt: 1 }).where(eq(c.id, dissolved)));
        yield* run(tx.q.update(c).set({ parkedAt: 1 }).where(eq(c.id, parked)));
      });
      const done = await commit([item(dissolved, ann, "x"), item(parked, ann, "x"), item(worldId, ann, "x")]);
      expect(done.results.map(told)).toEqual(["CONVERSATION_DISSOLVED", "parked", "stored 1"]);
    });

    test("mutes: for ever, until a time, or the whole group except those who lead it", async () => {
      let nowMs = 1_800_000_000_000;
      await repo[Symbol.asyncDispose]();
      repo = await createTestRepo({ clock: () => nowMs });
      const [owner, ann, bob] = [await repo.addUser(), await repo.addUser(), await repo.addUser()];
      const group = await repo.addConversation([owner, ann, bob]);
      const silent = await repo.addConversation([owner, ann], { settings: '{"group_settings":{"mute_all":true}}' });
      const { conversationMembers: m } = repo.context.tables;
      const mute = (userId: bigint, mutedUntil: number | null) =>
        repo.context.db.transaction((tx) =>
          run(tx.q.update(m).set({ muted: true, mutedUntil }).where(eq(m.userId, userId))),
        );
      await mute(ann, nowMs + 1000);
      await mute(bob, null);
      const all = () => [item(group, ann, "x"), item(group, bob, "x"), item(silent, owner, "x")];
      expect((await commit(all())).results.map(told)).toEqual(["USER_MUTED", "USER_MUTED", "stored 1"]);
      nowMs += 2000;
      expect((await commit([...all(), item(silent, ann, "x")])).results.map(told)).toEqual([
        "stored 1",
        "USER_MUTED",
        "stored 2",
        "USER_MUTED",
      ]);
    });

    test("a block stops the blocked side of a single chat only", async () => {
      const [ann, bob] = [await repo.addUser(), await repo.addUser()];
      const chat = await repo.addConversation([ann, bob], { single: true });
      const times = { createdAt: 1, updatedAt: 1 };
      await repo.context.db.transaction(() =>
        insertMany(repo.context.tables.friendshipRequests, [
          { id: 1n, requesterId: ann, targetId: bob, status: 3, ...times },
        ]),
      );
      const done = await commit([item(chat, bob, "x"), item(chat, ann, "y"), item(worldId, bob, "z")]);
      expect(done.results.map(told)).toEqual(["BLOCKED_BY_USER", "stored 1", "stored 1"]);
    });

    test("a reply stays inside its conversation", async () => {
      const ann = await repo.addUser();
      const group = await repo.addConversation([ann]);
      const target = item(group, ann, "target");
      await commit([target]);
      const done = await commit([
        item(group, ann, "yes", { replyToId: target.messageId }),
        item(worldId, ann, "no", { replyToId: target.messageId }),
        item(group, ann, "no", { replyToId: 1n }),
      ]);
      expect(done.results.map(told)).toEqual(["stored 2", "INVALID_MESSAGE_FORMAT", "INVALID_MESSAGE_FORMAT"]);
      expect(done.results[0]?.at === "stored" && done.results[0].reply?.content).toBe("target");
    });

    test("G7: a reply answers nothing that its sender may not read", async () => {
      const [ann, bob] = [await repo.addUser(), await repo.addUser()];
      const group = await repo.addConversation([ann, bob]);
      const hidden = item(group, ann, "before he came");
      await commit([hidden]);
      const { db, tables } = repo.context;
      const { conversationMembers: m } = tables;
      await db.transaction((tx) => run(tx.q.update(m).set({ hiddenBeforeSeq: 1n }).where(eq(m.userId, bob))));
      const shown = item(group, ann, "after");
      await commit([shown]);
      const done = await commit([
        item(group, bob, "no", { replyToId: hidden.messageId }),
        item(group, bob, "yes", { replyToId: shown.messageId }),
        item(group, ann, "yes", { replyToId: hidden.messageId }),
      ]);
      expect(done.results.map(told)).toEqual(["INVALID_MESSAGE_FORMAT", "stored 3", "stored 4"]);
    });
  });

  describe("what the database refuses (spec 40 §7)", () => {
    test("a data error costs only its own message, and the order stays", async () => {
      const ann = await repo.addUser();
      const items = Array.from({ length: 9 }, (_, at) =>
        item(worldId, ann, `${at}`, at === 4 ? { clientMsgId: "x".repeat(65) } : {}),
      );
      const done = await commit(items);
      expect(done.results.map(told)[4]).toBe("INTERNAL_ERROR");
      expect((await rowsOf(worldId)).map((row) => row.content).join("")).toBe("01235678");
      expect((await rowsOf(worldId)).map((row) => row.seqId)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
    });

    test("an unexplained unique violation parks that conversation, and the others go on", async () => {
      const ann = await repo.addUser();
      const [good, bad] = [await repo.addConversation([ann]), await repo.addConversation([ann])];
      const taken = item(good, ann, "first");
      await commit([taken]);
      const done = await commit([
        item(good, ann, "a"),
        item(bad, ann, "b", { messageId: taken.messageId }),
        item(good, ann, "c"),
        item(bad, ann, "d"),
      ]);
      expect(done.results.map(told)).toEqual(["stored 2", "parked", "stored 3", "parked"]);
      expect((await headOf(bad)).parkedAt).toBeNumber();
      expect((await commit([item(bad, ann, "e")])).results.map(told)).toEqual(["parked"]);
      expect(await rowsOf(bad)).toEqual([]);
    });

    test("anything else leaves the whole transaction to be asked again, and nothing of it is stored", async () => {
      const ann = await repo.addUser();
      const broken = {
        ...repo.context,
        ids: {
          worker: 0,
          snowflake: (): bigint => {
            throw new Error("no lease");
          },
        },
      };
      const sent = [item(worldId, ann, "1"), item(worldId, ann, "2")];
      const before = await commit([item(worldId, ann, "0", { clientMsgId: "0" })]);
      const done = await createCommitter(broken).commit(sent, before.outboxIds);
      expect(done.results.map(told)).toEqual(["retry", "retry"]);
      expect(done.settled).toBe(false);
      const { outbox } = repo.context.tables;
      expect((await repo.context.db.q.select().from(outbox)).map((row) => row.id)).toEqual([...before.outboxIds]);
      expect(await rowsOf(worldId)).toHaveLength(1);
      expect((await commit(sent)).results.map(told)).toEqual(["stored 2", "stored 3"]);
    });
  });
}
