import { migrations } from "#drizzle/migrations.ts";
import { createTables } from "#drizzle/schema.ts";
import { createMemoryCache } from "#infra/cache/memory.ts";
import { silentLogger } from "#infra/clog/clog.ts";
import { loadConfig } from "#infra/config/config.ts";
import type { Db } from "#infra/db/db.ts";
import { migrate } from "#infra/db/migrate.ts";
import { createSqliteDb } from "#infra/db/sqlite.ts";
import { insertMany, now } from "#infra/db/steps.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { noTracer } from "#infra/trace/trace.ts";
import { createIds, testWorkerLease } from "#infra/uid/uid.ts";
import { repoSpec } from "./config.ts";
import type { RepoContext } from "./context.ts";
import { insertMembers, joinWorld } from "./store/membership.ts";
import { createPresenceStore } from "./store/presence.ts";
import { ensureWorld } from "./store/world.ts";
import { watchWrites } from "./writes.ts";

/** A migrated database of its own with the world in it, on embedded drivers. For tests of this service. */
export interface TestRepo extends AsyncDisposable {
  readonly context: RepoContext;
  /** Inserts an account that is a member of the world, without the password work of CreateUser. */
  addUser(options?: { isGuest?: boolean; status?: number }): Promise<bigint>;
  /** Inserts a group or, for two users and `single: true`, their single chat; answers its id. */
  addConversation(userIds: readonly bigint[], options?: { single?: boolean; settings?: string }): Promise<string>;
}

export interface TestRepoOptions {
  /** Default ":memory:". */
  readonly file?: string;
  readonly clock?: () => number;
}

/** What the suites of this service run on. */
export type CreateTestRepo = (options?: TestRepoOptions) => Promise<TestRepo>;

/** On embedded drivers, in memory. */
export async function createTestRepo(options: TestRepoOptions = {}): Promise<TestRepo> {
  const clock = options.clock ?? Date.now;
  return await createTestRepoOn(createSqliteDb({ file: options.file ?? ":memory:", clock }), clock);
}

/** The same, which does not know that nobody else writes: as on servers. */
export async function createSharedTestRepo(options: TestRepoOptions = {}): Promise<TestRepo> {
  const repo = await createTestRepo(options);
  return { ...repo, context: { ...repo.context, writes: undefined } };
}

/** On `opened`, which is closed with it; its clock is `clock`. */
export async function createTestRepoOn(opened: Db, clock: () => number): Promise<TestRepo> {
  const cache = createMemoryCache({ clock });
  const tables = createTables(opened.dialect.name);
  await migrate(opened, migrations, clock);
  const watched = opened.dialect.name === "sqlite" ? watchWrites(opened, tables) : { db: opened };
  const { db } = watched;
  const context: RepoContext = {
    ...watched,
    tables,
    cache,
    presence: createPresenceStore({ cache, clog: silentLogger, clock }),
    ids: createIds({ worker: testWorkerLease() }),
    clog: silentLogger,
    metrics: createMetrics(),
    tracer: noTracer,
    clock,
    config: loadConfig(repoSpec, { environment: "development" }).config,
  };
  await ensureWorld(context);

  return {
    context,
    async addUser({ isGuest = false, status = 0 } = {}) {
      const id = context.ids.snowflake();
      await db.transaction(function* (tx) {
        const at = yield* now();
        const name = `user_${id}`;
        const times = { createdAt: at, updatedAt: at };
        yield* insertMany(tables.users, [
          { id, username: name, usernameKey: name, passwordHash: "!", isGuest, status, ...times },
        ]);
        yield* joinWorld(context, tx, id, at);
      });
      return id;
    },
    async addConversation(userIds, { single = false, settings } = {}) {
      const sorted = userIds.toSorted((a, b) => (a < b ? -1 : 1));
      const id = single ? `single_${sorted.join("_")}` : `group_${context.ids.snowflake()}`;
      await db.transaction(function* () {
        const at = yield* now();
        const times = { lastMessageAt: at, createdAt: at, updatedAt: at };
        const row = { id, type: single ? 1 : 2, memberCount: userIds.length, settings: settings ?? null, ...times };
        yield* insertMany(tables.conversations, [row]);
        const members = sorted.map((userId, index) => ({ userId, role: index === 0 && !single ? 3 : 1 }));
        yield* insertMembers(context, id, members, { lastSeqId: 0n, lastMessageNo: 0n }, { nowMs: at });
      });
      return id;
    },
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await cache[Symbol.asyncDispose]();
    },
  };
}
