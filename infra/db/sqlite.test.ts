import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dbConformance } from "./conformance.ts";
import { conformanceTable } from "./conformance-tables.ts";
import { DbError } from "./errors.ts";
import { createSqliteDb } from "./sqlite.ts";
import { insertMany } from "./steps.ts";

const freshFile = (): string => join(mkdtempSync(join(tmpdir(), "gochat-db-")), "domain.db");

dbConformance("sqlite in memory", async () => createSqliteDb({ file: ":memory:" }));
dbConformance("sqlite file", async () => createSqliteDb({ file: freshFile() }));

async function open(file: string, waitingMax?: number) {
  const db = createSqliteDb({ file, ...(waitingMax ? { waitingMax } : {}) });
  const { items, create } = conformanceTable("sqlite");
  await db.script(async (execute) => void (await execute(create)));
  return { db, items, row: (id: bigint) => ({ id, owner: 1n, name: String(id), count: 0 }) };
}

test("group commit: the bodies that wait in one turn share one COMMIT", async () => {
  const { db, items, row } = await open(":memory:");
  await Promise.all(Array.from({ length: 100 }, (_, at) => db.transaction(() => insertMany(items, [row(BigInt(at))]))));
  expect(db.stats()).toEqual({ waiting: 0, transactions: 100, commits: 1, statements: 100 });
  await db[Symbol.asyncDispose]();
});

test("group commit: the queue is bounded, and the refused one is told at once", async () => {
  const { db, items, row } = await open(":memory:", 2);
  const results = await Promise.allSettled(
    [1n, 2n, 3n].map((id) => db.transaction(() => insertMany(items, [row(id)]))),
  );
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  expect((results[2] as PromiseRejectedResult).reason.kind).toBe("unavailable");
  await db[Symbol.asyncDispose]();
});

test("another writer holds the file: everybody who waits is told `unavailable`, and the next one is stored", async () => {
  const file = freshFile();
  const { db, items, row } = await open(file);
  const other = createSqliteDb({ file, busyTimeoutMs: 1 });
  const mine = createSqliteDb({ file, busyTimeoutMs: 1 });
  let refused: unknown;
  await other.script(async () => {
    refused = await mine.transaction(() => insertMany(items, [row(1n)])).catch((error: unknown) => error);
  });
  expect(refused).toBeInstanceOf(DbError);
  expect((refused as DbError).kind).toBe("unavailable");
  await mine.transaction(() => insertMany(items, [row(2n)]));
  expect(await db.q.select({ id: items.id }).from(items)).toEqual([{ id: 2n }]);
  for (const one of [db, other, mine]) await one[Symbol.asyncDispose]();
});

test("G1: what was committed is there after the file is opened again", async () => {
  const file = freshFile();
  const first = await open(file);
  await first.db.transaction(() => insertMany(first.items, [first.row(7n)]));
  await first.db[Symbol.asyncDispose]();
  const again = createSqliteDb({ file });
  expect(await again.q.select({ id: first.items.id }).from(first.items)).toEqual([{ id: 7n }]);
  await again[Symbol.asyncDispose]();
});

test("a file that cannot be opened says so", () => {
  expect(() => createSqliteDb({ file: "/proc/none/domain.db" })).toThrow("cannot open the database");
});
