import { afterAll, beforeAll, describe } from "bun:test";
import { createTables } from "#drizzle/schema.ts";
import type { Db } from "#infra/db/db.ts";
import { run } from "#infra/db/steps.ts";
import { openTestDb } from "#infra/db/testing.ts";
import { commitPropertySuite } from "./commit.property.suite.ts";
import { commitSuite } from "./commit.suite.ts";
import { routesSuite } from "./routes.suite.ts";
import { accountsSuite } from "./rpc/accounts.suite.ts";
import { conversationServiceSuite } from "./rpc/conversation.suite.ts";
import { messageServiceSuite } from "./rpc/message.suite.ts";
import { messageStoreSuite } from "./store/message.suite.ts";
import { outboxStoreSuite } from "./store/outbox.suite.ts";
import { sessionStoreSuite } from "./store/session.suite.ts";
import { userStoreSuite } from "./store/user.suite.ts";
import { type CreateTestRepo, createTestRepoOn } from "./testing.ts";

const suites = {
  commit: commitSuite,
  "commit, by property": commitPropertySuite,
  routes: routesSuite,
  accounts: accountsSuite,
  "conversation service": conversationServiceSuite,
  "message service": messageServiceSuite,
  "message store": messageStoreSuite,
  "outbox store": outboxStoreSuite,
  "session store": sessionStoreSuite,
  "user store": userStoreSuite,
} as const satisfies Record<string, (createTestRepo: CreateTestRepo) => void>;

/** Empties every table: making a database for each test would take a server seconds. */
async function clear(db: Db): Promise<void> {
  const tables = Object.values(createTables(db.dialect.name));
  await db.transaction(function* (tx) {
    for (const table of tables) yield* run(tx.q.delete(table));
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
    for (const [title, suite] of Object.entries(suites)) describe(title, () => suite(createTestRepo));
  });
}
