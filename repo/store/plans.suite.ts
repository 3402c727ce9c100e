import { afterEach, beforeEach, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { type AskPlan, askSql } from "#infra/db/ask.ts";
import { now, run } from "#infra/db/steps.ts";
import { createCommitter } from "../commit.ts";
import { conversationService } from "../rpc/conversation.ts";
import { messageService } from "../rpc/message.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { listPlan } from "./list-plan.ts";
import { pagePlan } from "./page-plan.ts";

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
    await createCommitter(repo.context).commit(
      groups.map((conversationId) => ({
        messageId: repo.context.ids.snowflake(),
        conversationId,
        senderId: bob,
        type: 1,
        content: conversationId,
        clientMsgId: Bun.randomUUIDv7(),
        sendHash: new Uint8Array(32),
        extra: "",
        meta: "",
        replyToId: undefined,
        mentions: [],
        createdAtMs: 0,
      })),
    );
  });
  afterEach(() => repo[Symbol.asyncDispose]());

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

  /** What the database would do, one line per step; on a server as if tables were large. */
  async function explain(plan: AskPlan, values: readonly string[]): Promise<string[]> {
    const { db } = repo.context;
    const query = askSql(plan, sql.raw("0"), (at) => sql.raw(values[at] ?? "null"));
    const text = db.dialect.compile(query).sql;
    let lines: string[] = [];
    await db.script(async (execute) => {
      if (db.dialect.name === "postgres") await execute("set local enable_seqscan = off");
      const rows = await execute(`${db.dialect.name === "sqlite" ? "explain query plan" : "explain"} ${text}`);
      lines = rows.map((row) => Object.values(row).join(" "));
    });
    return lines;
  }

  test("40 §2, §4: the hot reads go by indexes: nothing is scanned whole, and history is never sorted", async () => {
    const { db, tables } = repo.context;
    const user = ann.toString();
    const list = await explain(listPlan(tables, false), [user, "50", "0"]);
    const history = await explain(pagePlan(tables, tables.messages, true), [`'${groups[0]}'`, user, "1", "99", "50"]);
    if (db.dialect.name === "sqlite") {
      // What is in brackets, and `l` and `x`, is a page that was cut before.
      for (const line of [...list, ...history]) expect(line).not.toMatch(/SCAN (?![lx]\b|\()/);
      expect(list.join()).toMatch(/SEARCH m USING INDEX uk_members_user_conv/);
      const [rows = ""] = history.filter((line) => line.includes("SEARCH x "));
      expect(rows).toContain("USING INDEX uk_conversation_seq");
      // Nothing is sorted before the page is cut.
      expect(history.slice(0, history.indexOf(rows) + 1).join()).not.toContain("TEMP B-TREE");
    } else {
      for (const line of [...list, ...history]) expect(line).not.toContain("Seq Scan");
      // MySQL reads tables of a few rows whole, whatever they have: only the key of the memberships is certain.
      if (db.dialect.name === "mysql") expect(list.join()).toContain("uk_members_user_conv");
    }
  });
}
