import { type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import { type AskPlan, askSql } from "./ask.ts";
import { postgresDialect } from "./dialect.ts";
import {
  columnsOf,
  deleteSql,
  encode,
  findSql,
  insertSql,
  keyIn,
  scanSql,
  scanValues,
  updateColumns,
  updateManySql,
  updateValues,
  upsertSql,
} from "./statements.ts";
import type {
  DeletePlan,
  DeleteStep,
  FindPlan,
  InsertStep,
  ScanPlan,
  ScanRange,
  UpdateStep,
  UpsertStep,
} from "./steps.ts";

// Rows travel as one array per column, so that a plan has one text whatever the number of rows: each connection prepares it
// once.

export interface Statement {
  /** Under which connections keep it prepared. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The element type of a column's array, without a length: a cast to VARCHAR(8) would cut what is too long. */
function elementType(column: SQLiteColumn): string {
  const [type = ""] = column.getSQLType().toLowerCase().split(/[( ]/);
  return type === "char" ? "bpchar" : type;
}

function element(value: unknown): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return `"${value.replace(/[\\"]/g, "\\$&")}"`;
  if (value instanceof Uint8Array) {
    return `"\\\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex")}"`;
  }
  return String(value);
}

/** The values of one column in PostgreSQL's array form. */
function arrayOf(values: readonly unknown[]): string {
  let text = "{";
  for (let at = 0; at < values.length; at += 1) {
    if (at > 0) text += ",";
    text += element(values[at]);
  }
  return `${text}}`;
}

function unnest(columns: readonly SQLiteColumn[]): string {
  return `unnest(${columns.map((column, at) => `$${at + 1}::${elementType(column)}[]`).join(", ")})`;
}

const names = new Map<string, string>();

interface Compiled {
  readonly name: string;
  readonly text: string;
}

/** Equal texts have one name: connections prepare it once, however many plans say the same. */
function compile(query: SQL): Compiled {
  const { sql: text } = postgresDialect.compile(query);
  const name = names.get(text) ?? `gochat_${names.size}`;
  names.set(text, name);
  return { name, text };
}

function cached<K extends object, C>(compileOne: (key: K) => C): (key: K) => C {
  const known = new WeakMap<K, C>();
  return (key) => {
    const found = known.get(key) ?? compileOne(key);
    known.set(key, found);
    return found;
  };
}

type Named = readonly (readonly [string, SQLiteColumn])[];
const onlyColumns = (named: Named): SQLiteColumn[] => named.map(([, column]) => column);
const rowsOf = (named: Named): SQL => sql.raw(`select * from ${unnest(onlyColumns(named))}`);

const inserts = cached((table: SQLiteTable) => {
  const named = columnsOf(table);
  return { named, compiled: compile(insertSql(table, rowsOf(named))) };
});
const upserts = cached((plan: UpsertStep["plan"]) => {
  const named = columnsOf(plan.table);
  return { named, compiled: compile(upsertSql(postgresDialect, plan, rowsOf(named))) };
});
const updates = cached((plan: UpdateStep["plan"]) => {
  const columns = updateColumns(plan);
  const fresh = columns.map((column) => `"${column.name}"`).join(", ");
  return compile(updateManySql(postgresDialect, plan, sql.raw(`${unnest(columns)} as fresh (${fresh})`)));
});
const deletes = cached((plan: DeletePlan) => compile(deleteSql(plan, sql.raw(`= any($1::${elementType(plan.by)}[])`))));
const finds = cached((plan: FindPlan) => {
  const [only] = plan.by;
  if (plan.by.length === 1 && only) {
    const matches = sql`${sql.identifier(only.name)} = any(${sql.raw(`$1::${elementType(only)}[]`)})`;
    return compile(findSql(postgresDialect, plan, matches));
  }
  return compile(findSql(postgresDialect, plan, keyIn(plan, sql.raw(`select * from ${unnest(plan.by)}`))));
});
const scans = cached((plan: ScanPlan) => compile(scanSql(plan, (at) => sql.raw(`$${at + 1}`))));

/** Rows of values, turned into one array per column. */
function columnArrays(count: number, rows: readonly (readonly unknown[])[]): string[] {
  return Array.from({ length: count }, (_, at) => arrayOf(rows.map((row) => row[at])));
}

export function insertStatement(step: InsertStep | UpsertStep): Statement {
  const { named, compiled } = step.step === "insert" ? inserts(step.table) : upserts(step.plan);
  const values = named.map(([field, column]) => arrayOf(step.rows.map((row) => encode(column, row[field]))));
  return { ...compiled, values };
}

export function updateStatement({ plan, rows }: UpdateStep): Statement {
  const values = rows.map((row) => updateValues(plan, row));
  return { ...updates(plan), values: columnArrays(plan.set.length + 1, values) };
}

export function deleteStatement({ plan, keys }: DeleteStep): Statement {
  return { ...deletes(plan), values: [arrayOf(keys.map((key) => encode(plan.by, key)))] };
}

export function findStatement(plan: FindPlan, keys: readonly (readonly unknown[])[]): Statement {
  const values = plan.by.map((column, at) => arrayOf(keys.map((key) => encode(column, key[at]))));
  return { ...finds(plan), values };
}

export function scanStatement(plan: ScanPlan, range: ScanRange): Statement {
  return { ...scans(plan), values: scanValues(plan, range) };
}

/** The clock at the beginning of the statement. */
const askNow = sql.raw("(extract(epoch from statement_timestamp()) * 1000)::bigint");
const asks = cached((plan: AskPlan) => compile(askSql(plan, askNow, (at) => sql.raw(`$${at + 1}`))));

export function askStatement(plan: AskPlan, values: readonly unknown[]): Statement {
  return { ...asks(plan), values: plan.params.map((column, at) => encode(column, values[at])) };
}
