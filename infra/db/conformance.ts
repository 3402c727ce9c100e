import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { and, eq, type SQL, sql } from "drizzle-orm";
import { conformanceTable, type Items } from "./conformance-tables.ts";
import type { Db } from "./db.ts";
import { DbError } from "./errors.ts";
import { migrate } from "./migrate.ts";
import {
  changes,
  deleteMany,
  findMany,
  insertMany,
  now,
  run,
  type Steps,
  together,
  updateMany,
  upsertMany,
} from "./steps.ts";

const big = 9_007_199_254_740_993n;

/** What every driver of the port must do. `create` opens an empty database of its own; the suite closes it. */
export function dbConformance(name: string, create: () => Promise<Db>): void {
  describe(`db port: ${name}`, () => {
    let db: Db;
    let items: Items;

    beforeAll(async () => {
      db = await create();
    });
    afterAll(async () => {
      await db[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      const table = conformanceTable(db.dialect.name);
      items = table.items;
      await db.script(async (execute) => {
        await execute(table.drop);
        await execute(table.create);
      });
    });

    const all = async () => await db.q.select().from(items).orderBy(items.id);
    const row = (id: bigint, name: string, count = 0) => ({ id, owner: 1n, name, count });
    const put = (...rows: ReturnType<typeof row>[]) => db.transaction(() => insertMany(items, rows));

    async function failure(work: Promise<unknown>): Promise<DbError> {
      const error = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(error instanceof DbError)) throw new Error(`expected a DbError, got ${String(error)}`, { cause: error });
      return error;
    }

    test("integers beyond 2^53 are exact", async () => {
      await put(row(big, "a"), row(big + 1n, "b"));
      expect((await all()).map((found) => found.id)).toEqual([big, big + 1n]);
      expect(await db.q.select().from(items).where(eq(items.id, big))).toHaveLength(1);
    });

    test("a body that throws undoes only itself, and what it threw comes back", async () => {
      const wrong = new Error("no");
      const results = await Promise.allSettled([
        put(row(1n, "a")),
        db.transaction(function* () {
          yield* insertMany(items, [row(2n, "b")]);
          throw wrong;
        }),
        put(row(3n, "c")),
      ]);
      expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect((results[1] as PromiseRejectedResult).reason).toBe(wrong);
      expect((await all()).map((found) => found.id)).toEqual([1n, 3n]);
    });

    test("a refused statement undoes the whole body", async () => {
      const error = await failure(
        db.transaction(function* () {
          yield* insertMany(items, [row(1n, "a")]);
          yield* insertMany(items, [row(1n, "b")]);
        }),
      );
      expect(error.kind).toBe("unique");
      expect(await all()).toEqual([]);
    });

    test("a body that goes on after a refused statement fails with it all the same", async () => {
      await put(row(1n, "a"));
      const error = await failure(
        db.transaction(function* () {
          try {
            yield* insertMany(items, [row(1n, "b")]);
          } catch {
            // As if nothing had been.
          }
          return "fine";
        }),
      );
      expect(error.kind).toBe("unique");
      await put(row(2n, "b"));
      expect(await all()).toHaveLength(2);
    });

    test("the next transaction sees what the last one stored", async () => {
      await put(row(1n, "a", 1));
      const seen = await db.transaction(function* (tx): Steps<number> {
        const [found] = yield* run(tx.q.select({ count: items.count }).from(items).where(eq(items.id, 1n)));
        yield* run(tx.q.update(items).set({ count: 5 }).where(eq(items.id, 1n)));
        return found?.count ?? -1;
      });
      expect(seen).toBe(1);
      expect((await all())[0]?.count).toBe(5);
    });

    test("changes tells how many rows matched, also when nothing differs", async () => {
      await put(row(1n, "a"), row(2n, "b"));
      const matched = await db.transaction((tx) =>
        changes(tx.q.update(items).set({ count: 0 }).where(eq(items.owner, 1n))),
      );
      expect(matched).toBe(2);
      const none = await db.transaction((tx) =>
        changes(tx.q.delete(items).where(and(eq(items.id, 1n), eq(items.name, "b")))),
      );
      expect(none).toBe(0);
    });

    test("a taken unique key, a value that is too long and a wrong statement are told apart", async () => {
      await put(row(1n, "a"));
      const unique = await failure(put(row(2n, "a")));
      expect(unique.kind).toBe("unique");
      expect(unique.constraint).toBeString();
      expect((await failure(put(row(3n, "nine char")))).kind).toBe("data");
      const missing = await failure(
        db.script(async (execute) => {
          await execute("INSERT INTO no_such_table VALUES (1)");
        }),
      );
      expect(missing.kind).toBe("other");
      expect(await all()).toHaveLength(1);
    });

    test("names are compared byte by byte: case, accents and trailing spaces differ", async () => {
      const names = ["a", "A", "ä", "a ", "a\u0308", "'; --"];
      await put(...names.map((text, at) => row(BigInt(at + 1), text)));
      for (const [at, text] of names.entries()) {
        const found = await db.q.select().from(items).where(eq(items.name, text));
        expect(found.map((one) => one.id)).toEqual([BigInt(at + 1)]);
        expect(found[0]?.name).toBe(text);
      }
    });

    test("an upsert with `greatest` only grows, with `replace` takes the new value, with neither keeps the old", async () => {
      await put(row(1n, "a", 5));
      const grow = { table: items, key: ["owner", "name"], greatest: ["count"], replace: [] } as const;
      await db.transaction(() => upsertMany(grow, [row(2n, "a", 3), row(3n, "b", 1)]));
      expect((await all()).map((found) => [found.id, found.count])).toEqual([
        [1n, 5],
        [3n, 1],
      ]);
      await db.transaction(() => upsertMany(grow, [row(4n, "a", 9)]));
      const replace = { table: items, key: ["id"], greatest: [], replace: ["count"] } as const;
      await db.transaction(() => upsertMany(replace, [row(1n, "a", 2)]));
      const keep = { table: items, key: ["id"], greatest: [], replace: [] } as const;
      await db.transaction(() => upsertMany(keep, [row(1n, "a", 77)]));
      expect((await all()).map((found) => found.count)).toEqual([2, 1]);
    });

    test("rows are found and updated by many keys at once", async () => {
      await put(row(1n, "a"), row(2n, "b"), row(3n, "c"));
      const plan = { table: items, key: "id", set: ["count", "owner"] } as const;
      await db.transaction(() =>
        updateMany(plan, [
          { id: 1n, count: 11, owner: big },
          { id: 3n, count: 33, owner: 1n },
        ]),
      );
      const columns = { id: items.id, count: items.count, owner: items.owner };
      const byName = { table: items, columns, by: [items.owner, items.name] };
      const found = await db.find(byName, [
        [big, "a"],
        [1n, "c"],
        [1n, "zz"],
      ]);
      expect(new Set(found.map((one) => `${one.id} ${one.count} ${one.owner}`))).toEqual(
        new Set([`1 11 ${big}`, "3 33 1"]),
      );
      const locked = await db.transaction(() =>
        findMany({ table: items, columns, by: [items.id], lock: true }, [[1n], [2n], [9n]]),
      );
      expect(locked.map((one) => one.id)).toEqual([1n, 2n]);
    });

    test("rows are deleted by many keys at once; missing ones are passed over", async () => {
      await put(row(1n, "a"), row(2n, "b"), row(big, "c"));
      const byId = { table: items, by: items.id };
      await db.transaction(() => deleteMany(byId, []));
      expect(await all()).toHaveLength(3);
      await db.transaction(function* () {
        yield* together([insertMany(items, [row(4n, "d")]), deleteMany(byId, [1n, 3n, 4n, big])]);
      });
      expect((await all()).map((found) => found.id)).toEqual([2n]);
      await db.transaction(() => deleteMany({ table: items, by: items.name }, ["b'; --", "b"]));
      expect(await all()).toEqual([]);
    });

    test("a scan reads one page of a keyset, both ends inclusive, in either direction", async () => {
      await put(...Array.from({ length: 5 }, (_, at) => row(big + BigInt(at), `n${at}`)));
      const page = async (descending: boolean, from: bigint, to: bigint, limit: number) => {
        const plan = { table: items, columns: { id: items.id }, equal: [items.owner], range: items.id, descending };
        const rows = await db.scan(plan, { equal: [1n], from, to, limit });
        return rows.map((found) => found.id - big);
      };
      expect(await page(false, big + 1n, big + 3n, 9)).toEqual([1n, 2n, 3n]);
      expect(await page(true, 0n, big + 3n, 2)).toEqual([3n, 2n]);
      expect(await page(false, big + 5n, big + 9n, 2)).toEqual([]);
    });

    test("many transactions at once keep every row, and read the sum they add to", async () => {
      await put(row(1n, "sum", 0));
      const lock = { table: items, columns: { count: items.count }, by: [items.id], lock: true };
      await Promise.all(
        Array.from({ length: 50 }, () =>
          db.transaction(function* (tx) {
            const [found] = yield* findMany(lock, [[1n]]);
            yield* run(
              tx.q
                .update(items)
                .set({ count: (found?.count ?? 0) + 1 })
                .where(eq(items.id, 1n)),
            );
          }),
        ),
      );
      expect((await all())[0]?.count).toBe(50);
    });

    test("the database's clock is the same inside a transaction, and near ours", async () => {
      const before = await db.now();
      const inside = await db.transaction(() => now());
      expect(inside).toBeGreaterThanOrEqual(before - 1);
      expect(Math.abs(inside - Date.now())).toBeLessThan(60_000);
    });

    test("a statement over several tables: what an outer join does not find is undefined; one value in two places", async () => {
      await put(row(1n, "a", 2), { ...row(2n, "b"), owner: 2n });
      const plan = {
        groups: { x: { id: items.id, name: items.name }, y: { id: items.id, count: items.count } },
        params: [items.owner],
        total: sql`count(*) over ()`,
        from: (hole: (at: number) => SQL) =>
          sql`${items} x left join ${items} y on y.id = x.id and y.owner = ${hole(0)} where x.id >= ${hole(0)} order by x.id`,
      };
      const before = db.stats().statements;
      const { rows, total, nowMs } = await db.ask(plan, [1n]);
      expect(db.stats().statements - before).toBe(1);
      expect(total).toBe(2);
      expect(rows[0]).toEqual({ x: { id: 1n, name: "a" }, y: { id: 1n, count: 2 } });
      expect(rows[1]?.y).toBeUndefined();
      expect(Math.abs(nowMs - Date.now())).toBeLessThan(60_000);
      expect((await db.ask(plan, [9n])).rows).toEqual([]);
      if (db.askPacked === undefined) return;
      const packed = await db.askPacked(plan, [1n]);
      expect(packed.keys.map((key) => packed.row(key))).toEqual([...rows]);
      expect(packed.total).toBe(2);
      expect(Math.abs(packed.nowMs - Date.now())).toBeLessThan(60_000);
      expect((await db.askPacked(plan, [1n])).keys).toEqual(packed.keys);
      await db.transaction((tx) => run(tx.q.update(items).set({ count: 3 }).where(eq(items.id, 1n))));
      expect((await db.askPacked(plan, [1n])).keys).not.toEqual(packed.keys);
      expect((await db.askPacked(plan, [9n])).keys).toEqual([]);
    });

    test("migrations are applied once, in order, and a changed one is refused", async () => {
      const everywhere = (text: string) => ({ sqlite: text, mysql: text, postgres: text });
      const first = {
        version: 1,
        name: "one",
        sql: everywhere("CREATE TABLE migrated (id INTEGER);\nDROP TABLE migrated;\n"),
      };
      await db.script(async (execute) => void (await execute("DROP TABLE IF EXISTS schema_migrations")));
      expect((await Promise.all([migrate(db, [first]), migrate(db, [first])])).flat()).toEqual([1]);
      const refusal = (migrations: (typeof first)[]) => migrate(db, migrations).catch(String);
      expect(await refusal([{ ...first, sql: everywhere("SELECT 1;") }])).toContain("differs");
      expect(await refusal([])).toContain("newer");
      await db.script(async (execute) => void (await execute("DROP TABLE schema_migrations")));
    });
  });
}
