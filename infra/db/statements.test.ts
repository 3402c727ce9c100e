import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { conformanceTable } from "./conformance-tables.ts";
import { type Dialect, mysqlDialect, postgresDialect, sqliteDialect } from "./dialect.ts";
import { findSql, insertSql, keyEquals, keyIn, scanSql, updateManySql, updateRowSql, upsertSql } from "./statements.ts";

const hole = sql.raw("?");
const rows = sql.raw("ROWS");
const items = (dialect: Dialect) => conformanceTable(dialect.name).items;

function texts(build: (dialect: Dialect) => ReturnType<typeof insertSql>): string[] {
  return [sqliteDialect, mysqlDialect, postgresDialect].map((dialect) => dialect.compile(build(dialect)).sql);
}

test("an insert", () => {
  expect(texts((dialect) => insertSql(items(dialect), rows))).toEqual([
    'insert into "conformance_items" ("id", "owner", "name", "count") ROWS',
    "insert into `conformance_items` (`id`, `owner`, `name`, `count`) ROWS",
    'insert into "conformance_items" ("id", "owner", "name", "count") ROWS',
  ]);
});

test("a merge that keeps the larger of one and replaces the other", () => {
  const tails = texts((dialect) =>
    upsertSql(
      dialect,
      {
        table: items(dialect),
        key: ["owner", "name"] as never[],
        greatest: ["count"] as never[],
        replace: ["id"] as never[],
      },
      rows,
    ),
  ).map((text) => text.slice(text.indexOf(" on ")));
  expect(tails).toEqual([
    ' on conflict ("owner", "name") do update set "count" = max("conformance_items"."count", excluded."count"), "id" = excluded."id"',
    " on duplicate key update `count` = greatest(`count`, values(`count`)), `id` = values(`id`)",
    ' on conflict ("owner", "name") do update set "count" = greatest("conformance_items"."count", excluded."count"), "id" = excluded."id"',
  ]);
});

test("an insert that keeps what is there never ignores other errors", () => {
  const plan = (dialect: Dialect) => ({ table: items(dialect), key: ["id"] as never[], greatest: [], replace: [] });
  const tails = texts((dialect) => upsertSql(dialect, plan(dialect), rows)).map((text) =>
    text.slice(text.indexOf(" on ")),
  );
  expect(tails).toEqual([
    ' on conflict ("id") do nothing',
    " on duplicate key update `id` = `id`",
    ' on conflict ("id") do nothing',
  ]);
});

test("an update of one row, and of many from a source of fresh values", () => {
  const plan = (dialect: Dialect) => ({ table: items(dialect), key: "id" as never, set: ["count"] as never[] });
  expect(texts((dialect) => updateRowSql(plan(dialect), hole))[0]).toBe(
    'update "conformance_items" set "count" = ? where "id" = ?',
  );
  const standard =
    'update "conformance_items" set "count" = fresh."count" from ROWS where "conformance_items"."id" = fresh."id"';
  expect(texts((dialect) => updateManySql(dialect, plan(dialect), rows))).toEqual([
    standard,
    "update ROWS straight_join `conformance_items` on `conformance_items`.`id` = fresh.`id` set `conformance_items`.`count` = fresh.`count`",
    standard,
  ]);
});

test("rows found by a compound key; locks are taken in key order", () => {
  const plan = (dialect: Dialect) => {
    const table = items(dialect);
    return { table, columns: { id: table.id }, by: [table.owner, table.name] };
  };
  const compound = (dialect: Dialect) => findSql(dialect, plan(dialect), keyIn(plan(dialect), sql.raw("(?, ?)")));
  expect(texts(compound)).toEqual([
    'select "id" from "conformance_items" where ("owner", "name") in ((?, ?))',
    "select `id` from `conformance_items` where (`owner`, `name`) in ((?, ?))",
    'select "id" from "conformance_items" where ("owner", "name") in ((?, ?))',
  ]);
  const one = findSql(sqliteDialect, plan(sqliteDialect), keyEquals(plan(sqliteDialect), hole));
  expect(sqliteDialect.compile(one).sql).toBe('select "id" from "conformance_items" where "owner" = ? and "name" = ?');
  const locks = texts((dialect) => {
    const table = items(dialect);
    const by = { table, columns: { id: table.id }, by: [table.id], lock: true };
    return findSql(dialect, by, keyIn(by, hole));
  });
  expect(locks).toEqual([
    'select "id" from "conformance_items" where "id" in (?) order by "id"',
    "select `id` from `conformance_items` where `id` in (?) order by `id` for update",
    'select "id" from "conformance_items" where "id" in (?) order by "id" for update',
  ]);
});

test("a page of a keyset", () => {
  const page = (dialect: Dialect) => {
    const table = items(dialect);
    const plan = { table, columns: { id: table.id }, equal: [table.owner], range: table.id, descending: true };
    return scanSql(plan, (at) => sql`${sql.param(at)}`);
  };
  expect(texts(page)).toEqual([
    'select "id" from "conformance_items" where "owner" = ? and "id" >= ? and "id" <= ? order by "id" desc limit ?',
    "select `id` from `conformance_items` where `owner` = ? and `id` >= ? and `id` <= ? order by `id` desc limit ?",
    'select "id" from "conformance_items" where "owner" = $1 and "id" >= $2 and "id" <= $3 order by "id" desc limit $4',
  ]);
});
