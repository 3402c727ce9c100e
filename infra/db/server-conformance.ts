import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type SQL, sql } from "drizzle-orm";
import { createLogger } from "../clog/clog.ts";
import { takeHot } from "../config/hot.ts";
import { StartError } from "../host/start-error.ts";
import { dbSpec } from "./config.ts";
import { conformanceTable, type Items } from "./conformance-tables.ts";
import { DbError } from "./errors.ts";
import { connectServer, holdInChild, type Server } from "./server-kit.ts";
import { findMany, insertMany, run, type Steps, updateMany } from "./steps.ts";
import { openTestDb, type TestDb } from "./testing.ts";

const short = { "db.lock_wait": "1s", "db.transaction_timeout": "2s" };

/** What the port does on a server beyond `dbConformance`: limits, lost connections, contention, settings. `dsn` names a user
 *  who may create databases. */
export function serverConformance(name: string, dsn: string): void {
  describe(`db server: ${name}`, () => {
    let db: TestDb;
    let items: Items;
    let server: Server;
    let lines = "";

    const asking = (q: TestDb["q"], value: SQL) => q.select({ value }).from(sql`(select 1 as one) as one`);
    beforeAll(async () => {
      const clog = createLogger({ service: "test", level: "warn", format: "json", write: (line) => (lines += line) });
      db = await openTestDb(dsn, { flags: short, clog });
      server = await connectServer(dsn, db.name);
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      const table = conformanceTable(db.dialect.name);
      items = table.items;
      await db.script(async (execute) => {
        await execute(table.drop);
        await execute(table.create);
      });
      await put(1n, 2n);
    });

    const put = (...ids: bigint[]) =>
      db.transaction(() =>
        insertMany(
          items,
          ids.map((id) => ({ id, owner: id, name: "a", count: 0 })),
        ),
      );
    const lockOf = (of: Items) => ({ table: of, columns: { id: of.id, count: of.count }, by: [of.id], lock: true });
    const set = (of: Items) => ({ table: of, key: "id", set: ["count"] }) as const;
    function* killMe(q: TestDb["q"]): Steps<void> {
      const [row] = yield* run(asking(q, server.connectionId));
      yield* run(server.kill(row?.value));
    }
    const counts = async () => (await db.q.select().from(items).orderBy(items.id)).map((row) => row.count);

    async function failure(work: Promise<unknown>): Promise<DbError> {
      const error = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(error instanceof DbError)) throw new Error(`expected a DbError, got ${String(error)}`, { cause: error });
      return error;
    }

    test("READ COMMITTED: a transaction sees what another one committed since it began", async () => {
      const seen = await db.transaction(function* () {
        const [before] = yield* findMany({ ...lockOf(items), lock: false }, [[1n]]);
        yield* run(db.transaction(() => updateMany(set(items), [{ id: 1n, count: 7 }])));
        const [after] = yield* findMany({ ...lockOf(items), lock: false }, [[1n]]);
        return [before?.count, after?.count];
      });
      expect(seen).toEqual([0, 7]);
    });

    test("a transaction over its time is rolled back, and its locks are free", async () => {
      const late = await failure(
        db.transaction(function* (tx) {
          yield* updateMany(set(items), [{ id: 1n, count: 1 }]);
          yield* run(asking(tx.q, server.sleep(5)));
        }),
      );
      expect([late.kind, late.message]).toEqual(["unavailable", "a transaction took longer than 2000 ms"]);
      await db.transaction(() => updateMany(set(items), [{ id: 1n, count: 2 }]));
      expect(await counts()).toEqual([2, 0]);
    });

    test("a lock is waited for as long as lock_wait says, then the caller is told `unavailable`", async () => {
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const { promise: held, resolve: hold } = Promise.withResolvers<void>();
      await using other = await openTestDb(db.url, { flags: { "db.transaction_timeout": "20s" }, existing: true });
      const holder = other.transaction(function* () {
        yield* findMany(lockOf(items), [[1n]]);
        hold();
        yield* run(released);
      });
      await held;
      const startMs = performance.now();
      const refused = await failure(db.transaction(() => findMany(lockOf(items), [[1n]])));
      expect(refused.kind).toBe("unavailable");
      expect(performance.now() - startMs).toBeWithin(900, 3500);
      release();
      await holder;
    });

    test("a lock holds its rows and no others, however small the table is", async () => {
      await put(3n, 4n);
      const both = await db.transaction(function* () {
        yield* findMany(lockOf(items), [[1n], [3n]]);
        return yield* run(db.transaction(() => findMany(lockOf(items), [[2n], [4n]])));
      });
      expect(both.map((row) => row.id)).toEqual([2n, 4n]);
    });

    test("deadlock: who is chosen to give way runs again, on another connection", async () => {
      // The usual limits: PostgreSQL finds a deadlock after a second, as long as the short lock wait of this suite.
      await using usual = await openTestDb(db.url, { existing: true });
      const inOrder = (...ids: bigint[]) =>
        usual.transaction(function* () {
          for (const id of ids) {
            const [row] = yield* findMany(lockOf(items), [[id]]);
            yield* updateMany(set(items), [{ id, count: (row?.count ?? 0) + 1 }]);
            yield* run(Bun.sleep(50));
          }
        });
      await Promise.all([inOrder(1n, 2n), inOrder(2n, 1n)]);
      expect(await counts()).toEqual([2, 2]);
    });

    test("a connection that is killed before COMMIT: the body runs again on another one, and is stored once", async () => {
      let runs = 0;
      await db.transaction(function* (tx) {
        runs += 1;
        const [row] = yield* findMany(lockOf(items), [[1n]]);
        yield* updateMany(set(items), [{ id: 1n, count: (row?.count ?? 0) + 1 }]);
        if (runs === 1) yield* killMe(tx.q);
        yield* updateMany(set(items), [{ id: 2n, count: 5 }]);
      });
      expect([runs, await counts()]).toEqual([2, [1, 5]]);
    });

    test("a connection that is always lost: the caller is told `unavailable` after three times, nothing is stored", async () => {
      let runs = 0;
      const lost = await failure(
        db.transaction(function* (tx) {
          runs += 1;
          yield* updateMany(set(items), [{ id: 1n, count: 1 }]);
          yield* killMe(tx.q);
          yield* updateMany(set(items), [{ id: 2n, count: 1 }]);
        }),
      );
      expect([lost.kind, runs, await counts()]).toEqual(["unavailable", 3, [0, 0]]);
    });

    test("an error of COMMIT: the outcome is not known, so the caller is told `unavailable` and nothing is run again", async () => {
      let runs = 0;
      const lost = await failure(
        db.transaction(function* (tx) {
          runs += 1;
          yield* updateMany(set(items), [{ id: 1n, count: 1 }]);
          yield* killMe(tx.q);
        }),
      );
      expect([lost.kind, runs]).toEqual(["unavailable", 1]);
      expect(await counts()).toEqual([0, 0]);
    });

    test("all connections killed at once: whoever asks next is served", async () => {
      await Promise.all(Array.from({ length: 5 }, () => db.now()));
      await server.killAll();
      expect(await db.transaction(() => findMany(lockOf(items), [[1n]]))).toHaveLength(1);
    });

    test("a process that is stopped in a transaction holds its locks for seconds only", async () => {
      const child = await holdInChild(db.url, 1n);
      child.kill("SIGSTOP");
      try {
        const untilMs = performance.now() + 8000;
        let stored = false;
        while (!stored && performance.now() < untilMs) {
          const write = db.transaction(() => updateMany(set(items), [{ id: 1n, count: 9 }]));
          stored = await write.then(
            () => true,
            () => false,
          );
        }
        expect(await counts()).toEqual([9, 0]);
      } finally {
        child.kill("SIGKILL");
        await child.exited;
      }
    }, 15_000);

    test("a value out of range is a data error, and no error keeps values or statements", async () => {
      const wrong = await failure(db.transaction(() => updateMany(set(items), [{ id: 1n, count: 2 ** 40 }])));
      expect(wrong.kind).toBe("data");
      const taken = await failure(put(1n));
      const cause = taken.cause as object;
      for (const field of ["sql", "detail", "where"]) expect(cause).not.toHaveProperty(field);
      const query = db.transaction((tx) => run(tx.q.insert(items).values({ id: 1n, owner: 8n, name: "zz", count: 0 })));
      const refused = await failure(query);
      expect([refused.kind, refused.message.includes("zz")]).toEqual(["unique", false]);
    });

    test("text with quotes, backslashes, places and every plane of Unicode comes back as it went", async () => {
      const texts = ["'", '"', "\\", "?", "$1", "%", "\n\r\t", "{a,b}", "NULL", "😀", "\u2028", "\\'; --"];
      const rows = texts.map((text, at) => ({ id: BigInt(at + 10), owner: 1n, name: text, count: 0 }));
      await db.transaction(() => insertMany(items, rows));
      const plan = { table: items, columns: { id: items.id, name: items.name }, by: [items.owner, items.name] };
      const found = await db.find(
        plan,
        texts.map((text) => [1n, text]),
      );
      expect(new Map(found.map((row) => [row.id, row.name]))).toEqual(new Map(rows.map((row) => [row.id, row.name])));
    });

    test("thousands of rows in one step", async () => {
      const rows = Array.from({ length: 3000 }, (_, at) => ({
        id: BigInt(at + 10),
        owner: 1n,
        name: `${at}`,
        count: 0,
      }));
      await db.transaction(() => insertMany(items, rows));
      await db.transaction(() =>
        updateMany(
          set(items),
          rows.map(({ id }) => ({ id, count: Number(id) })),
        ),
      );
      const found = await db.find(
        { ...lockOf(items), lock: false },
        rows.slice(0, 1000).map(({ id }) => [id]),
      );
      expect(found.every((row) => row.count === Number(row.id))).toBe(true);
      expect(found).toHaveLength(1000);
    });

    test("the pool opens no more than max_open connections, and refuses past waiting_max", async () => {
      await using small = await openTestDb(dsn, { flags: { "db.max_open": "2", "db.waiting_max": "3" } });
      await using its = await connectServer(dsn, small.name);
      const pause = (): Promise<unknown> =>
        small.transaction(function* (tx) {
          yield* run(asking(tx.q, its.sleep(0.2)));
          return yield* run(its.connections());
        });
      const results = await Promise.allSettled(Array.from({ length: 6 }, pause));
      expect(results.filter((result) => result.status === "rejected")).toHaveLength(1);
      for (const result of results) if (result.status === "fulfilled") expect(result.value).toBe(2);
    });

    test("a slow query is logged without its values", async () => {
      lines = "";
      await asking(db.q, server.sleep(0.2));
      await db.find({ ...lockOf(items), lock: false }, [[4711n]]);
      expect(lines).toContain('"msg":"slow query"');
      expect(lines).not.toContain("4711");
    });

    test("60 §13: db.slow_threshold is hot", async () => {
      const before = { ...db.config };
      takeHot(dbSpec, db.config, { ...before, slowThreshold: 10_000 });
      lines = "";
      await asking(db.q, server.sleep(0.2));
      expect(lines).toBe("");
      takeHot(dbSpec, db.config, before);
      await asking(db.q, server.sleep(0.2));
      expect(lines).toContain('"msg":"slow query"');
    });

    test("settings that could lose a commit: production does not start (exit 78), development warns", async () => {
      await using unsafe = await openTestDb(dsn);
      await using its = await connectServer(dsn, unsafe.name);
      await using _restored = await its.makeUnsafe();
      const refusal = await openTestDb(unsafe.url, { environment: "production", existing: true }).catch(
        (error: unknown) => error,
      );
      expect(refusal).toBeInstanceOf(StartError);
      expect((refusal as StartError).exitCode).toBe(78);
      lines = "";
      const clog = createLogger({ service: "test", level: "warn", format: "json", write: (line) => (lines += line) });
      await using warned = await openTestDb(unsafe.url, { clog, existing: true });
      await warned.ping();
      expect(lines).toContain("could lose what it has confirmed");
    });

    test("a server that is absent, a wrong password, a missing database: exit 69, and the password is not told", async () => {
      const tries: [{ port?: string; pathname?: string }, RegExp][] = [
        [{ port: "22399" }, /ECONNREFUSED/],
        [{ pathname: "/gochat_none" }, /gochat_none/],
      ];
      for (const [change, text] of tries) {
        const url = new URL(dsn);
        url.password = "hidden-word";
        Object.assign(url, change);
        const flags = { "db.auto_create_database": "false", "db.start_wait": "0s" };
        const refusal = await openTestDb(url.href, { flags, existing: true }).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(StartError);
        expect((refusal as StartError).exitCode).toBe(69);
        expect((refusal as StartError).message).not.toContain("hidden-word");
        expect((refusal as StartError).message).toMatch(text);
      }
    });
  });
}
