import { type SQL, sql } from "drizzle-orm";
import { MySqlDialect } from "drizzle-orm/mysql-core";
import { PgDialect } from "drizzle-orm/pg-core";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import { fromMysql, fromPostgres, fromSqlite } from "./errors.ts";

export type DialectName = "sqlite" | "mysql" | "postgres";

/** All that differs between the databases, in one file: everything else writes one query for the three. */
export interface Dialect {
  readonly name: DialectName;
  /** True where DDL is rolled back with its transaction. */
  readonly transactionalDdl: boolean;
  /** Whether the planner sees that a look-up by a unique key gives one row at most, which the order of what is joined to it then
   *  keeps. */
  readonly seesOneRow: boolean;
  /** Adds the row lock of the current statement, where rows are locked one by one. */
  forUpdate(query: SQL): SQL;
  /** `a LIKE b` without regard to ASCII case; `\` escapes. */
  like(column: SQLiteColumn, pattern: string): SQL<boolean>;
  /** The larger of two expressions, neither NULL. */
  greatest(a: SQL | SQLiteColumn, b: SQL | SQLiteColumn): SQL;
  /** The texts of a column over the rows of a query, as the text of a JSON array; the column is text or a byte string. */
  jsonList(column: SQL): SQL;
  /** The clause that makes an INSERT a merge; `set` holds (column, "greatest" | "replace"). */
  onConflict(table: string, key: readonly string[], set: readonly (readonly [string, "greatest" | "replace"])[]): SQL;
  /** The clause that lets an INSERT pass over rows whose `key` is taken (and over nothing else). */
  ignoreConflict(key: readonly string[]): SQL;
  /** Updates the rows of `table` by those of the table expression `source`, which is named `fresh` and has the columns
   *  `key` and `set` under the table's names. */
  updateFrom(table: string, key: string, set: readonly string[], source: SQL): SQL;
  compile(query: SQL): { sql: string; params: unknown[] };
  /** The driver's error as a DbError; anything else as it is. */
  classify(error: unknown): unknown;
}

const names = (columns: readonly string[]): SQL =>
  sql.join(
    columns.map((column) => sql.identifier(column)),
    sql`, `,
  );

/** Escapes what LIKE would take as a wildcard. */
export function likeText(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}

/** `on conflict (key) do update`, which SQLite and PostgreSQL share; they differ in the name of the larger of two. */
function conflictUpdate(larger: string): Dialect["onConflict"] {
  return (table, key, set) => {
    const parts = set.map(([column, rule]) => {
      const at = sql.identifier(column);
      const fresh = sql`excluded.${at}`;
      if (rule === "replace") return sql`${at} = ${fresh}`;
      return sql`${at} = ${sql.raw(larger)}(${sql.identifier(table)}.${at}, ${fresh})`;
    });
    return sql` on conflict (${names(key)}) do update set ${sql.join(parts, sql`, `)}`;
  };
}

function mysqlOnConflict(_table: string, _key: readonly string[], set: readonly (readonly [string, string])[]): SQL {
  const parts = set.map(([column, rule]) => {
    const at = sql.identifier(column);
    return rule === "replace" ? sql`${at} = values(${at})` : sql`${at} = greatest(${at}, values(${at}))`;
  });
  return sql` on duplicate key update ${sql.join(parts, sql`, `)}`;
}

/** What SQLite and PostgreSQL share. */
const updateFrom: Dialect["updateFrom"] = (table, key, set, source) => {
  const [target, at] = [sql.identifier(table), sql.identifier(key)];
  const parts = set.map((column) => sql`${sql.identifier(column)} = fresh.${sql.identifier(column)}`);
  return sql`update ${target} set ${sql.join(parts, sql`, `)} from ${source} where ${target}.${at} = fresh.${at}`;
};

/** The fresh rows come first: each is one look-up by the key. */
const mysqlUpdateFrom: Dialect["updateFrom"] = (table, key, set, source) => {
  const [target, at] = [sql.identifier(table), sql.identifier(key)];
  const parts = set.map((column) => sql`${target}.${sql.identifier(column)} = fresh.${sql.identifier(column)}`);
  return sql`update ${source} straight_join ${target} on ${target}.${at} = fresh.${at} set ${sql.join(parts, sql`, `)}`;
};

const sqliteCompiler = new SQLiteSyncDialect();
const mysqlCompiler = new MySqlDialect();
const postgresCompiler = new PgDialect();

export const sqliteDialect: Dialect = {
  name: "sqlite",
  seesOneRow: true,
  transactionalDdl: true,
  forUpdate: (query) => query,
  like: (column, pattern) => sql<boolean>`${column} like ${pattern} escape '\\'`,
  greatest: (a, b) => sql`max(${a}, ${b})`,
  jsonList: (column) => sql`json_group_array(${column})`,
  onConflict: conflictUpdate("max"),
  ignoreConflict: (key) => sql` on conflict (${names(key)}) do nothing`,
  updateFrom,
  compile: (query) => sqliteCompiler.sqlToQuery(query),
  classify: fromSqlite,
};

/** MySQL 8 and MariaDB. */
export const mysqlDialect: Dialect = {
  name: "mysql",
  seesOneRow: false,
  transactionalDdl: false,
  forUpdate: (query) => sql`${query} for update`,
  like: (column, pattern) => sql<boolean>`lower(${column}) like lower(${pattern}) escape '\\\\'`,
  greatest: (a, b) => sql`greatest(${a}, ${b})`,
  // A byte string would be kept as base64, a JSON value be parsed by the driver.
  jsonList: (column) => sql`cast(json_arrayagg(convert(${column} using utf8mb4)) as char)`,
  onConflict: mysqlOnConflict,
  // Not INSERT IGNORE: that passes over data errors too.
  ignoreConflict: ([first = "id"]) => sql` on duplicate key update ${sql.identifier(first)} = ${sql.identifier(first)}`,
  updateFrom: mysqlUpdateFrom,
  compile: (query) => mysqlCompiler.sqlToQuery(query),
  classify: fromMysql,
};

export const postgresDialect: Dialect = {
  name: "postgres",
  seesOneRow: false,
  transactionalDdl: true,
  forUpdate: (query) => sql`${query} for update`,
  like: (column, pattern) => sql<boolean>`${column} ilike ${pattern} escape '\\'`,
  greatest: (a, b) => sql`greatest(${a}, ${b})`,
  jsonList: (column) => sql`json_agg(${column})::text`,
  onConflict: conflictUpdate("greatest"),
  ignoreConflict: (key) => sql` on conflict (${names(key)}) do nothing`,
  updateFrom,
  compile: (query) => postgresCompiler.sqlToQuery(query),
  classify: fromPostgres,
};
