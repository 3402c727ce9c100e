import { afterEach, beforeEach, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { type AskPlan, askSql } from "#infra/db/ask.ts";
import { now, run } from "#infra/db/steps.ts";
import { createCommitter } from "../commit.ts";
import { createCommitPlans } from "../commit-plans.ts";
import { conversationService } from "../rpc/conversation.ts";
import { messageService } from "../rpc/message.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { createConversationList } from "./conversation-list.ts";
import { createMemberStore } from "./conversation-members.ts";
import { createFriendLists } from "./friend-list.ts";
import { createMessageStore } from "./message.ts";
import { abovePlan, pagePlan } from "./page-plan.ts";
import { createPageReader } from "./page-reader.ts";
import { fillTables } from "./plan-fill.ts";
import { recordReads } from "./plan-recorder.ts";
import { createReadPointers } from "./read-pointer.ts";
import { createSessions } from "./session.ts";

type Call<Q, A> = (request: Q, call: never) => Promise<A>;

/** Statements of the hot reads (spec 00 §5). Runs on every database: `createTestRepo` says on which. */
export function planSuite(createTestRepo: CreateTestRepo): void {
  let repo: TestRepo;
  let ann: bigint;
  let groups: string[];
  beforeEach(async () => {
    repo = await createTestRepo();
    ann = await repo.addUser();
    const bob = await repo.addUser();
    groups = [await repo.addConversation([ann, bob], { single: true })];
    for (let n = 0; n < 20; n += 1) groups.push(await repo.addConversation([ann, bob]));
    await send(groups, bob);
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  /** One message into each; its `client_msg_id` is the conversation's. */
  async function send(conversationIds: readonly string[], senderId: bigint): Promise<void> {
    await createCommitter(repo.context).commit(
      conversationIds.map((conversationId) => ({
        messageId: repo.context.ids.snowflake(),
        conversationId,
        senderId,
        type: 1,
        content: conversationId,
        clientMsgId: conversationId,
        sendHash: new Uint8Array(32),
        extra: "",
        meta: "",
        replyToId: undefined,
        mentions: [],
        createdAtMs: 0,
      })),
    );
  }

  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    const before = repo.context.db.stats().statements;
    await work();
    return repo.context.db.stats().statements - before;
  }

  test("40 §4: the conversation list is one statement, whatever its length", async () => {
    const service = conversationService(repo.context);
    const list = service.getUserConversationsWithDetails as unknown as Call<object, { conversations: object[] }>;
    const page = {
      userId: ann.toString(),
      offset: 0,
      typeFilter: 0,
      includeLastMessage: true,
      includeSenderInfo: true,
    };
    const ask = (limit: number) => list({ ...page, limit, updatedSince: 0n }, undefined as never);
    // The world's members are counted once in ten seconds.
    await ask(1);
    // Where no other process writes, it is held from the second question on.
    const held = repo.context.writes === undefined ? 1 : 0;
    expect(await statementsOf(() => ask(2))).toBe(1);
    expect(await statementsOf(() => ask(100))).toBe(held);
    expect((await ask(100)).conversations).toHaveLength(22);
  });

  test("40 §4: an incremental list, with who left what, is one statement, and an empty one too", async () => {
    const service = conversationService(repo.context);
    type Answer = { conversations: object[]; removedIds: string[]; serverTime: bigint };
    const list = service.getUserConversationsWithDetails as unknown as Call<object, Answer>;
    const shown = { includeLastMessage: true, includeSenderInfo: true };
    const ask = (updatedSince: bigint) =>
      list(
        { userId: ann.toString(), offset: 0, limit: 100, typeFilter: 0, ...shown, updatedSince },
        undefined as never,
      );
    // The world's members are counted once in ten seconds.
    const { serverTime } = await ask(1n);
    const { db, tables } = repo.context;
    await db.transaction(function* (tx) {
      const removedAt = yield* now();
      const row = { userId: ann, conversationId: "group_1", seqId: 1n, removedAt };
      yield* run(
        tx.q.insert(tables.conversationRemovals).values({ ...row, createdAt: removedAt, updatedAt: removedAt }),
      );
    });
    expect(await statementsOf(() => ask(1n))).toBe(1);
    const whole = await ask(1n);
    expect([whole.conversations.length, whole.removedIds]).toEqual([22, ["group_1"]]);
    expect(await statementsOf(() => ask(serverTime + 1000n))).toBe(1);
    const none = await ask(serverTime + 1000n);
    expect([none.conversations, none.removedIds]).toEqual([[], []]);
    expect(none.serverTime - serverTime < 60n).toBe(true);
  });

  test("40 §4: unread of all conversations is one statement", async () => {
    const unread = conversationService(repo.context).batchGetUnreadCounts as unknown as Call<object, object>;
    const ask = () => unread({ userId: ann.toString(), conversationIds: [] }, undefined as never);
    expect(await statementsOf(ask)).toBe(1);
  });

  test("00 §5: a history page with the right to read it is one statement", async () => {
    const history = messageService(repo.context).getConversationMessages as unknown as Call<
      object,
      { messages: object[] }
    >;
    const query = { startSeqId: 0n, endSeqId: 0n, limit: 50, ascending: false, typeFilter: [] };
    const viewer = { conversationId: groups[0] ?? "", viewerId: ann.toString(), asMember: true };
    const ask = () => history({ ...query, ...viewer }, undefined as never);
    expect(await statementsOf(ask)).toBe(1);
    expect((await ask()).messages).toHaveLength(1);
  });

  const explains = { sqlite: "explain query plan", mysql: "explain format=traditional", postgres: "explain" } as const;

  /** How the look-up by primary key of the row that another shows is told, and that of somebody's reactions to it. */
  const keyPatterns = {
    sqlite: {
      o: [/SEARCH o USING INTEGER PRIMARY KEY/],
      r: [/SEARCH r USING .*INDEX .*\(message_id=\? AND user_id=\?\)/],
    },
    mysql: { o: [/ o .*eq_ref .*PRIMARY/], r: [/ r .*ref .*PRIMARY/] },
    postgres: { o: [/Index Scan using messages_pkey/], r: [/Index.* Scan using message_reactions_pkey/] },
  } as const;

  interface Step {
    readonly text: string;
    /** Reads a table of ours from end to end, or an index. */
    readonly whole: boolean;
  }

  /** What the database would do. */
  async function explain(text: string): Promise<Step[]> {
    const { db } = repo.context;
    const { name } = db.dialect;
    let rows: Record<string, unknown>[] = [];
    await db.script(async (execute) => {
      rows = await execute(`${explains[name]} ${text}`);
    });
    return rows.map((row) => {
      const line = Object.values(row).join(" ");
      if (name === "postgres") return { text: line, whole: /Seq Scan on (?!pg_)/.test(line) };
      // What is in brackets or has a short name is a page that was cut before, or the one row that is always there.
      if (name === "sqlite") return { text: line, whole: /SCAN (?!(?:l|l1|l2|l3|x|o1)\b|\(|CONSTANT)/.test(line) };
      const derived = /^<|^null$/.test(String(row.table));
      return { text: line, whole: !derived && ["ALL", "index"].includes(String(row.type)) };
    });
  }

  /** The reads of `work`, by the indexes of `used` and nothing read from end to end. */
  async function expectIndexes(work: (context: TestRepo["context"]) => Promise<unknown>, used: readonly RegExp[]) {
    const recorded = recordReads(repo.context.db);
    await work({ ...repo.context, db: recorded.db, writes: undefined });
    expect(recorded.texts.length).toBeGreaterThan(0);
    const steps = (await Promise.all(recorded.texts.map(explain))).flat();
    expect(steps.filter(({ whole }) => whole)).toEqual([]);
    const plan = steps.map(({ text }) => text).join("\n");
    for (const index of used) expect(plan).toMatch(index);
  }

  test("40 §2, §4: the hot reads go by indexes in tables that are filled: none is read whole", async () => {
    await using _ = await fillTables(repo);
    // Somebody with few conversations among many: with a share of them all, reading all is the better plan.
    const eve = await repo.addUser();
    const conversationId = await repo.addConversation([eve, ann]);
    await send([conversationId], ann);
    const member = { conversationId, viewerId: eve, asMember: true, types: [] };
    const page = { ...member, startSeq: 0n, endSeq: 0n, limit: 50, ascending: false };
    const list = { userId: eve, offset: 0, limit: 100, type: 0 };
    const sinceMs = Date.now() - 60_000;
    const ofUser = /uk_members_user_conv/;
    const byKey = keyPatterns[repo.context.db.dialect.name];
    await expectIndexes((context) => createConversationList(context).page(list), [ofUser]);
    await expectIndexes((context) => createConversationList(context).changedSince(list, sinceMs), [ofUser]);
    // The rows, what they show by its key, and whether the reader has reacted.
    const rows = [/uk_conversation_seq/, ...byKey.o, ...byKey.r];
    await expectIndexes((context) => createMessageStore(context).page(page), rows);
    const after = { ...page, startSeq: 1n, ascending: true };
    await expectIndexes((context) => createMessageStore(context).page(after), rows);
    await expectIndexes((context) => createMessageStore(context).page({ ...page, types: [1] }), rows);
    const other = { excludeChanges: true, excludeDeleted: true };
    await expectIndexes((context) => createMessageStore(context).page({ ...after, ...other }), rows);
    await expectIndexes(
      (context) => createPageReader(context).above(page, 1n, 200),
      [/uk_conversation_seq/, ...byKey.o],
    );
    await expectIndexes((context) => createReadPointers(context).unread(eve, []), [ofUser, /uk_pointers_user_conv/]);
    await expectIndexes(
      (context) => createReadPointers(context).move(eve, conversationId, 1n),
      [/uk_conversation_seq/],
    );
    const everybody = { conversationId, offset: 0, limit: 50, role: 0, afterUserId: undefined };
    await expectIndexes((context) => createMemberStore(context).page(everybody), [/idx_members_(?:conversation|role)/]);
    await expectIndexes((context) => createMemberStore(context).membership(conversationId, [eve]), [/members/]);
    await expectIndexes((context) => createFriendLists(context).withStatus(eve, 1), [/idx_requester_|uk_requester_/]);
    await expectIndexes((context) => createFriendLists(context).changedSince(eve, sinceMs), [/idx_requester_|uk_req/]);
    await expectIndexes((context) => createSessions(context).list(eve), [/idx_sessions_user/]);
    const { known } = createCommitPlans(repo.context.tables, repo.context.tables.messages);
    await expectIndexes(
      ({ db: reads }) => reads.find(known, [[conversationId, ann, conversationId]]),
      [/uk_conv_sender_client/],
    );
  }, 60_000);

  test("a history page is never sorted", async () => {
    const { db, tables } = repo.context;
    if (db.dialect.name !== "sqlite") return;
    const x = tables.messages;
    const shape = { descending: true, types: 0, excludeChanges: false, excludeDeleted: false, asMember: true };
    const read = [`'${groups[0]}'`, ann.toString(), "1", "99", "50", "1"];
    const stepsOf = async (plan: object, values: readonly string[]): Promise<string[]> => {
      const query = askSql(plan as AskPlan, sql.raw("0"), (at) => sql.raw(values[at] ?? "null"));
      return (await explain(db.dialect.compile(query).sql)).map(({ text }) => text);
    };
    const plans = [
      await stepsOf(pagePlan(db.dialect, tables, x, shape), read),
      await stepsOf(pagePlan(db.dialect, tables, x, { ...shape, descending: false }), read),
      await stepsOf(pagePlan(db.dialect, tables, x, { ...shape, types: 1, excludeDeleted: true }), read),
      await stepsOf(abovePlan(db.dialect, tables, x), [...read.slice(0, 3), "50"]),
    ];
    for (const steps of plans) {
      expect(steps.find((text) => text.includes("SEARCH x "))).toContain("USING INDEX uk_conversation_seq");
      expect(steps.join()).not.toContain("TEMP B-TREE");
    }
  });
}
