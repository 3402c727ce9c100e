import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { auditTable } from "./audit-table.ts";
import { changeTables } from "./change-tables.ts";
import { droppedSql, schemaSql } from "./ddl.ts";
import { draftTables } from "./draft-tables.ts";
import { migrations } from "./migrations.ts";
import { createTables, foundation, schema } from "./schema.ts";

const dialects = ["sqlite", "mysql", "postgres"] as const;

test.each(dialects)(
  "the migrations of %s are what the definitions generate: run `bun drizzle/generate.ts`",
  (dialect) => {
    expect(migrations[0].sql[dialect]).toBe(schemaSql(dialect, foundation));
    expect(migrations[1].sql[dialect]).toBe(schemaSql(dialect, changeTables));
    expect(migrations[2].sql[dialect]).toBe(schemaSql(dialect, auditTable));
    expect(migrations[3].sql[dialect]).toBe(droppedSql(dialect, foundation));
    expect(migrations[4].sql[dialect]).toBe(schemaSql(dialect, draftTables));
  },
);

test("migrations are numbered without holes, and every file is in the list", () => {
  expect(migrations.map((migration) => migration.version)).toEqual(migrations.map((_, at) => at + 1) as never);
  const names = migrations.map(({ version, name }) => `${String(version).padStart(4, "0")}_${name}.sql`);
  for (const dialect of dialects) expect(readdirSync(`${import.meta.dir}/migrations/${dialect}`).sort()).toEqual(names);
});

test("index names are unique in the schema, as PostgreSQL and SQLite ask", () => {
  const names = Object.values(schema).flatMap(({ keys }: { keys: object }) => {
    const { unique, index } = keys as { unique?: object; index?: object };
    return [...Object.keys(unique ?? {}), ...Object.keys(index ?? {})];
  });
  expect(new Set(names).size).toBe(names.length);
});

test.each(dialects)("%s: 64-bit ids, times and bytes cross the driver exactly", (dialect) => {
  const { messages: m, users } = createTables(dialect);
  const big = 9_223_372_036_854_775_807n;
  expect(m.id.mapFromDriverValue(m.id.mapToDriverValue(big))).toBe(big);
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  expect(m.createdAt.mapFromDriverValue(m.createdAt.mapToDriverValue(at))).toBe(at);
  for (const text of ["a", "ä", "'; --", "\u{1F600}"]) {
    expect(m.clientMsgId.mapFromDriverValue(m.clientMsgId.mapToDriverValue(text))).toBe(text);
  }
  const hash = new Uint8Array(32).fill(255);
  expect([...(m.sendHash.mapFromDriverValue(m.sendHash.mapToDriverValue(hash)) as Uint8Array)]).toEqual([...hash]);
  for (const flag of [true, false]) {
    expect(users.isGuest.mapFromDriverValue(users.isGuest.mapToDriverValue(flag))).toBe(flag);
  }
});

test("PostgreSQL's own spelling of a time is read", () => {
  const { messages: m } = createTables("postgres");
  expect(m.createdAt.mapFromDriverValue("2026-01-02 03:04:05.678+00")).toBe(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
});
