import { expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { conformanceTable } from "./conformance-tables.ts";
import { type Dialect, mysqlDialect, postgresDialect, sqliteDialect } from "./dialect.ts";
import { findSql, insertSql, type Place, scanSql, updateSql, upsertSql } from "./statements.ts";

const place: Place = (row, column) => sql`${sql.param(column.name === "name" ? `n${row}` : row)}`;
const items = (dialect: Dialect) => conformanceTable(dialect.name).items;

function texts(build: (dialect: Dialect) => ReturnType<typeof insertSql>): string[] {
  return [sqliteDialect, mysqlDialect, postgresDialect].map((dialect) => dialect.compile(build(dialect)).sql);
}

test("an insert of two rows", () => {
  expect(texts((dialect) => insertSql(items(dialect), 2, place))).toEqual([
    'insert into "conformance_items" ("id", "owner", "name", "count") values (?, ?, ?, ?), (?, ?, ?, ?)',
    "insert into `conformance_items` (`id`, `owner`, `name`, `count`) values (?, ?, ?, ?), (?, ?, ?, ?)",
    'insert into "conformance_items" ("id", "owner", "name", "count") values ($1, $2, $3, $4), ($5, $6, $7, $8)',
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
      1,
      place,
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
  const tails = texts((dialect) => upsertSql(dialect, plan(dialect), 1, place)).map((text) =>
    text.slice(text.indexOf(" on ")),
  );
  expect(tails).toEqual([
    ' on conflict ("id") do nothing',
    " on duplicate key update `id` = `id`",
    ' on conflict ("id") do nothing',
  ]);
});

test("an update of two rows by their key", () => {
  const plan = (dialect: Dialect) => ({ table: items(dialect), key: "id" as never, set: ["count"] as never[] });
  expect(texts((dialect) => updateSql(dialect, plan(dialect), 2, place))).toEqual([
    'update "conformance_items" set "count" = case "id" when ? then ? when ? then ? end where "id" in (?, ?)',
    "update `conformance_items` set `count` = case `id` when ? then ? when ? then ? end where `id` in (?, ?)",
    'update "conformance_items" set "count" = case "id" when $1 then cast($2 as integer) when $3 then cast($4 as integer) end where "id" in ($5, $6)',
  ]);
});

test("rows found by a compound key; locks are taken in key order", () => {
  const plan = (dialect: Dialect) => {
    const table = items(dialect);
    return { table, columns: { id: table.id }, by: [table.owner, table.name] };
  };
  expect(texts((dialect) => findSql(dialect, plan(dialect), 2, place))).toEqual([
    'select "id" from "conformance_items" where ("owner", "name") in ((?, ?), (?, ?))',
    "select `id` from `conformance_items` where (`owner`, `name`) in ((?, ?), (?, ?))",
    'select "id" from "conformance_items" where ("owner", "name") in (($1, $2), ($3, $4))',
  ]);
  const locks = texts((dialect) => {
    const table = items(dialect);
    return findSql(dialect, { table, columns: { id: table.id }, by: [table.id], lock: true }, 1, place);
  });
  expect(locks).toEqual([
    'select "id" from "conformance_items" where "id" in (?) order by "id"',
    "select `id` from `conformance_items` where `id` in (?) order by `id` for update",
    'select "id" from "conformance_items" where "id" in ($1) order by "id" for update',
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
