import { getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Dialect } from "./dialect.ts";
import type { DeletePlan, FindPlan, ScanPlan, ScanRange, Selection, UpdatePlan, UpsertPlan } from "./steps.ts";

// The statements of planned steps, written once for every dialect. A driver says by SQL of its own where the rows come from:
// SQLite runs one prepared row many times, MySQL takes literals, PostgreSQL arrays.

const list = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);
const identifiers = (columns: readonly SQLiteColumn[]): SQL =>
  list(columns.map((column) => sql`${sql.identifier(column.name)}`));

export function columnsOf(table: SQLiteTable): readonly (readonly [string, SQLiteColumn])[] {
  return Object.entries(getTableColumns(table));
}

export function columnOf(table: SQLiteTable, field: string): SQLiteColumn {
  const column = getTableColumns(table)[field];
  if (column === undefined) throw new Error(`table ${getTableName(table)} has no field ${field}`);
  return column;
}

/** One value in the form the driver takes; a missing one becomes the column's default or NULL. */
export function encode(column: SQLiteColumn, value: unknown): unknown {
  const given = value === undefined ? column.default : value;
  return given === null || given === undefined ? null : column.mapToDriverValue(given);
}

export function decode(column: SQLiteColumn, value: unknown): unknown {
  return value === null || value === undefined ? null : column.mapFromDriverValue(value);
}

/** `source` gives the rows, in the order of `columnsOf`: `values (…), (…)` or a select. */
export function insertSql(table: SQLiteTable, source: SQL): SQL {
  const columns = columnsOf(table).map(([, column]) => column);
  return sql`insert into ${sql.identifier(getTableName(table))} (${identifiers(columns)}) ${source}`;
}

export function upsertSql(dialect: Dialect, plan: UpsertPlan, source: SQL): SQL {
  const nameOf = (field: string): string => columnOf(plan.table, field).name;
  const set = [
    ...plan.greatest.map((field) => [nameOf(field), "greatest"] as const),
    ...plan.replace.map((field) => [nameOf(field), "replace"] as const),
  ];
  const key = plan.key.map(nameOf);
  const clause =
    set.length === 0 ? dialect.ignoreConflict(key) : dialect.onConflict(getTableName(plan.table), key, set);
  return sql`${insertSql(plan.table, source)}${clause}`;
}

/** One row: the holes are what is set, then the key. */
export function updateRowSql(plan: UpdatePlan, hole: SQL): SQL {
  const parts = plan.set.map((field) => sql`${sql.identifier(columnOf(plan.table, field).name)} = ${hole}`);
  const key = sql.identifier(columnOf(plan.table, plan.key).name);
  return sql`update ${sql.identifier(getTableName(plan.table))} set ${list(parts)} where ${key} = ${hole}`;
}

/** Many rows: `source` is a table expression with the columns of `updateColumns`, under the name `fresh`. */
export function updateManySql(dialect: Dialect, plan: UpdatePlan, source: SQL): SQL {
  const set = plan.set.map((field) => columnOf(plan.table, field).name);
  return dialect.updateFrom(getTableName(plan.table), columnOf(plan.table, plan.key).name, set, source);
}

/** The columns that an update is given, in the order of `updateValues`. */
export function updateColumns(plan: UpdatePlan): SQLiteColumn[] {
  return [...plan.set, plan.key].map((field) => columnOf(plan.table, field));
}

/** `matches` says which rows. */
export function deleteSql(plan: DeletePlan, matches: SQL): SQL {
  return sql`delete from ${sql.identifier(getTableName(plan.table))} where ${sql.identifier(plan.by.name)} ${matches}`;
}

/** `matches` says which rows: a condition on the columns `plan.by`, also against the rows of `joined` (`(…) as wanted
 *  straight_join `), which come first. */
export function findSql(dialect: Dialect, plan: FindPlan, matches: SQL, joined: SQL = sql``): SQL {
  const table = sql.identifier(getTableName(plan.table));
  const query = sql`select ${identifiers(Object.values(plan.columns))} from ${joined}${table} where ${matches}`;
  return plan.lock ? dialect.forUpdate(sql`${query} order by ${identifiers(plan.by)}`) : query;
}

/** `by in (keys)`, where `keys` is a list or a select. */
export function keyIn(plan: FindPlan, keys: SQL): SQL {
  const [only] = plan.by;
  const left = plan.by.length === 1 && only ? sql`${sql.identifier(only.name)}` : sql`(${identifiers(plan.by)})`;
  return sql`${left} in (${keys})`;
}

/** One row: a hole for each part of its key, in their order. A list of rows after IN would cost SQLite a table of its own. */
export function keyEquals(plan: FindPlan, hole: SQL): SQL {
  return sql.join(
    plan.by.map((column) => sql`${sql.identifier(column.name)} = ${hole}`),
    sql` and `,
  );
}

/** Places: the equal columns in their order, then from, to and limit. */
export function scanSql(plan: ScanPlan, place: (position: number) => SQL): SQL {
  const table = sql.identifier(getTableName(plan.table));
  const range = sql.identifier(plan.range.name);
  const equal = plan.equal.map((column, at) => sql`${sql.identifier(column.name)} = ${place(at)} and `);
  const at = plan.equal.length;
  const order = sql.raw(plan.descending ? "desc" : "asc");
  const where = sql`${sql.join(equal)}${range} >= ${place(at)} and ${range} <= ${place(at + 1)}`;
  const head = sql`select ${identifiers(Object.values(plan.columns))} from ${table}`;
  return sql`${head} where ${where} order by ${range} ${order} limit ${place(at + 2)}`;
}

/** The values of a scan's places. */
export function scanValues(plan: ScanPlan, range: ScanRange): unknown[] {
  const equal = plan.equal.map((column, at) => encode(column, range.equal[at]));
  return [...equal, encode(plan.range, range.from), encode(plan.range, range.to), range.limit];
}

/** Values of an update's row in the order of its holes: what is set, then the key. */
export function updateValues(plan: UpdatePlan, row: Record<string, unknown>): unknown[] {
  const values = plan.set.map((field) => encode(columnOf(plan.table, field), row[field]));
  values.push(encode(columnOf(plan.table, plan.key), row[plan.key]));
  return values;
}

/** Rows as the driver gave them (values in column order) → objects of the plan's columns. */
export function found(
  plan: { readonly columns: Selection },
  values: readonly (readonly unknown[])[],
): Record<string, unknown>[] {
  if (values.length === 0) return [];
  const columns = Object.entries(plan.columns);
  return values.map((row) => {
    const object: Record<string, unknown> = {};
    for (let at = 0; at < columns.length; at += 1) {
      const [name, column] = columns[at] as (typeof columns)[number];
      object[name] = decode(column, row[at]);
    }
    return object;
  });
}
