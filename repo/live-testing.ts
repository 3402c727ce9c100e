import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { getTableColumns, sql } from "drizzle-orm";
import { migrations } from "#drizzle/migrations.ts";
import { createTables } from "#drizzle/schema.ts";
import type { Db } from "#infra/db/db.ts";
import { migrate } from "#infra/db/migrate.ts";
import { insertMany, run } from "#infra/db/steps.ts";
import { openTestDb } from "#infra/db/testing.ts";
import { cacheKeysSuite } from "./cache-keys.suite.ts";
import { changeSuite } from "./change.suite.ts";
import { commitPropertySuite } from "./commit.property.suite.ts";
import { commitSuite } from "./commit.suite.ts";
import { importSuite } from "./import.suite.ts";
import { routesSuite } from "./routes.suite.ts";
import { accountsSuite } from "./rpc/accounts.suite.ts";
import { conversationServiceSuite } from "./rpc/conversation.suite.ts";
import { draftsSuite } from "./rpc/drafts.suite.ts";
import { friendshipSuite } from "./rpc/friendship.suite.ts";
import { infoChangesSuite } from "./rpc/info-changes.suite.ts";
import { listRowsSuite } from "./rpc/list-rows.suite.ts";
import { memberChangesSuite } from "./rpc/member-changes.suite.ts";
import { messageServiceSuite } from "./rpc/message.suite.ts";
import { messageChangesSuite } from "./rpc/message-changes.suite.ts";
import { onlineStatusSuite } from "./rpc/online-status.suite.ts";
import { reactionsSuite } from "./rpc/reactions.suite.ts";
import { messageStoreSuite } from "./store/message.suite.ts";
import { outboxStoreSuite } from "./store/outbox.suite.ts";
import { pageStatementsSuite } from "./store/page-statements.suite.ts";
import { planSuite } from "./store/plans.suite.ts";
import { roomsSuite } from "./store/rooms.suite.ts";
import { sessionStoreSuite } from "./store/session.suite.ts";
import { tailsSuite } from "./store/tails.suite.ts";
import { userStoreSuite } from "./store/user.suite.ts";
import { type CreateTestRepo, createTestRepoOn, type TestRepo } from "./testing.ts";

const suites = {
  commit: commitSuite,
  "commit, by property": commitPropertySuite,
  import: importSuite,
  change: changeSuite,
  "message changes": messageChangesSuite,
  "member changes": memberChangesSuite,
  "info changes": infoChangesSuite,
  "online status": onlineStatusSuite,
  reactions: reactionsSuite,
  drafts: draftsSuite,
  routes: routesSuite,
  "cache keys": cacheKeysSuite,
  accounts: accountsSuite,
  "conversation service": conversationServiceSuite,
  "list rows": listRowsSuite,
  friendships: friendshipSuite,
  "message service": messageServiceSuite,
  "message store": messageStoreSuite,
  "outbox store": outboxStoreSuite,
  "page statements": pageStatementsSuite,
  plans: planSuite,
  rooms: roomsSuite,
  "session store": sessionStoreSuite,
  tails: tailsSuite,
  "user store": userStoreSuite,
} as const satisfies Record<string, (createTestRepo: CreateTestRepo) => void>;

/** Empties every table: making a database for each test would take a server seconds. */
async function clear(db: Db): Promise<void> {
  const tables = Object.values(createTables(db.dialect.name));
  await db.transaction(function* (tx) {
    for (const table of tables) yield* run(tx.q.delete(table));
  });
}

/** How values cross the driver, in the tables that the migrations made. */
function schemaSuite(createTestRepo: CreateTestRepo): void {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  const at = 1_709_251_199_987;

  async function store(repo: TestRepo) {
    const { db, tables } = repo.context;
    const message = {
      id: 2n ** 63n - 1n,
      conversationId: "group_1",
      senderId: 9_007_199_254_740_993n,
      content: "\u{1f600} '\\'",
      seqId: 1n,
      messageNo: 1n,
      clientMsgId: "a\u00e4 ",
      sendHash: bytes.subarray(100, 132),
      deleted: true,
      recalledAt: at,
      createdAt: at,
      updatedAt: at + 1,
    };
    await db.transaction(() => insertMany(tables.messages, [message]));
    await db.transaction(() => insertMany(tables.outbox, [{ id: 1n, ranges: bytes, createdAt: at }]));
    return message;
  }

  test("64-bit integers, bytes, flags and text come back as they went, by plan and by query", async () => {
    await using repo = await createTestRepo();
    const { db, tables } = repo.context;
    const message = await store(repo);
    const [row] = await db.q.select().from(tables.messages);
    const plan = { table: tables.messages, columns: getTableColumns(tables.messages), by: [tables.messages.id] };
    const [found] = await db.find(plan, [[message.id]]);
    const { sendHash, ...others } = message;
    for (const read of [row, found]) {
      expect(Buffer.from(read?.sendHash ?? [])).toEqual(Buffer.from(sendHash));
      expect(read).toMatchObject({ ...others, kind: 1, extra: null });
    }
    const [outbox] = await db.q.select().from(tables.outbox);
    expect(Buffer.from(outbox?.ranges ?? [])).toEqual(Buffer.from(bytes));
  });

  test("times are kept in UTC, exact to the millisecond, whatever the zone of this process", async () => {
    await using repo = await createTestRepo();
    const { db, tables } = repo.context;
    await store(repo);
    const column = tables.outbox.createdAt;
    const text = db.dialect.name === "mysql" ? sql`cast(${column} as char)` : sql`${column}::text`;
    const [row] = await db.q.select({ at: column, text }).from(tables.outbox);
    expect(row?.at).toBe(at);
    expect(String(row?.text)).toStartWith("2024-02-29 23:59:59.987");
  });

  test("the dropping of indexes may be repeated where each statement commits by itself", async () => {
    await using repo = await createTestRepo();
    const { db } = repo.context;
    if (db.dialect.name !== "mysql") return;
    await db.script(async (execute) => {
      await execute("DELETE FROM schema_migrations WHERE version = 4");
    });
    expect(await migrate(db, migrations)).toEqual([4]);
  });

  test("client_msg_id is compared as bytes", async () => {
    await using repo = await createTestRepo();
    const { db, tables } = repo.context;
    await store(repo);
    const { messages: m } = tables;
    const plan = { table: m, columns: { id: m.id }, by: [m.conversationId, m.senderId, m.clientMsgId] };
    const key = (clientMsgId: string) => ["group_1", 9_007_199_254_740_993n, clientMsgId];
    expect(await db.find(plan, ["A\u00e4 ", "aa ", "a\u00e4", "a\u00e4  "].map(key))).toEqual([]);
    expect(await db.find(plan, [key("a\u00e4 ")])).toHaveLength(1);
  });
}

/** Runs every suite of this service on the server that the environment variable `variable` names, in one database of their
 *  own, made by the migrations. */
export function repoSuites(name: string, variable: string, dsn: string | undefined): void {
  describe.skipIf(dsn === undefined)(`repo on ${name} (skipped without ${variable})`, () => {
    let db: Db;
    let clock = Date.now;
    let migrated = false;
    beforeAll(async () => {
      db = await openTestDb(dsn ?? "", { clock: () => clock() });
    });
    afterAll(async () => {
      await db[Symbol.asyncDispose]();
    });
    const createTestRepo: CreateTestRepo = async (options = {}) => {
      clock = options.clock ?? Date.now;
      if (migrated) await clear(db);
      migrated = true;
      return await createTestRepoOn({ ...db, async [Symbol.asyncDispose]() {} }, clock);
    };
    describe("schema", () => schemaSuite(createTestRepo));
    for (const [title, suite] of Object.entries(suites)) describe(title, () => suite(createTestRepo));
  });
}
