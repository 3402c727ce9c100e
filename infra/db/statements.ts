import { getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Dialect } from "./dialect.ts";
import type { FindPlan, ScanPlan, ScanRange, Selection, UpdatePlan, UpsertPlan } from "./steps.ts";

/** Builds the statements of planned steps for every dialect. A value is given by `place`: a parameter for servers, which
 *  take many rows in one statement; a numbered hole for SQLite, where one prepared row is run many times. */
export type Place = (row: number, column: SQLiteColumn, position: number) => SQL;

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

export function insertSql(table: SQLiteTable, rows: number, place: Place): SQL {
  const columns = columnsOf(table).map(([, column]) => column);
  const tuples = Array.from(
    { length: rows },
    (_, row) => sql`(${list(columns.map((column, at) => place(row, column, at)))})`,
  );
  return sql`insert into ${sql.identifier(getTableName(table))} (${identifiers(columns)}) values ${list(tuples)}`;
}

export function upsertSql(dialect: Dialect, plan: UpsertPlan, rows: number, place: Place): SQL {
  const nameOf = (field: string): string => columnOf(plan.table, field).name;
  const set = [
    ...plan.greatest.map((field) => [nameOf(field), "greatest"] as const),
    ...plan.replace.map((field) => [nameOf(field), "replace"] as const),
  ];
  const key = plan.key.map(nameOf);
  const clause =
    set.length === 0 ? dialect.ignoreConflict(key) : dialect.onConflict(getTableName(plan.table), key, set);
  return sql`${insertSql(plan.table, rows, place)}${clause}`;
}

/** For one row `set … where key = …`; for more `set x = case key when … end where key in (…)`. */
export function updateSql(dialect: Dialect, plan: UpdatePlan, rows: number, place: Place): SQL {
  const key = columnOf(plan.table, plan.key);
  const keyAt = plan.set.length;
  const all = Array.from({ length: rows }, (_, row) => row);
  const parts = plan.set.map((field, at) => {
    const column = columnOf(plan.table, field);
    if (rows === 1) return sql`${sql.identifier(column.name)} = ${place(0, column, at)}`;
    const cases = all.map(
      (row) => sql` when ${place(row, key, keyAt)} then ${dialect.typed(place(row, column, at), column)}`,
    );
    return sql`${sql.identifier(column.name)} = case ${sql.identifier(key.name)}${sql.join(cases)} end`;
  });
  const keys = list(all.map((row) => place(row, key, keyAt)));
  const table = sql.identifier(getTableName(plan.table));
  return sql`update ${table} set ${list(parts)} where ${sql.identifier(key.name)} in (${keys})`;
}

export function findSql(dialect: Dialect, plan: FindPlan, keys: number, place: Place): SQL {
  const columns = Object.values(plan.columns);
  const tuples = Array.from({ length: keys }, (_, row) => plan.by.map((column, at) => place(row, column, at)));
  const head = sql`select ${identifiers(columns)} from ${sql.identifier(getTableName(plan.table))} where `;
  const only = plan.by.length === 1 ? plan.by[0] : undefined;
  const where = only
    ? sql`${sql.identifier(only.name)} in (${list(tuples.flat())})`
    : sql`(${identifiers(plan.by)}) in (${list(tuples.map((tuple) => sql`(${list(tuple)})`))})`;
  const query = sql`${head}${where}`;
  return plan.lock ? dialect.forUpdate(sql`${query} order by ${identifiers(plan.by)}`) : query;
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
