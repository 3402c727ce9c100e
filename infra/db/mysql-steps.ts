import { type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import { escape as quote } from "mysql2";
import { type AskPlan, askSql } from "./ask.ts";
import { mysqlDialect } from "./dialect.ts";
import { packedSql } from "./mysql-pack.ts";
import {
  columnsOf,
  deleteSql,
  encode,
  findSql,
  found,
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
  SingleStep,
  UpdateStep,
  UpsertStep,
} from "./steps.ts";

// Multi-row statements as text with literals: a prepared one has at most 65,535 places, and one text per number of rows.

export type Rows = unknown[][];

export interface Statement {
  readonly text: string;
  /** For the log: no values. */
  readonly label: string;
}

/** A statement holds at most so many characters of rows (a server takes 16 MiB by default) … */
const rowsCharsMax = 1024 * 1024;
/** … and so many rows. */
const rowsMax = 1000;

const mark = "\u0001";
const integer = /INT|BOOLEAN/i;

type Literal = (value: unknown) => string;

function integerLiteral(value: unknown): string {
  if (value === null) return "null";
  const text = typeof value === "boolean" ? String(Number(value)) : String(value);
  if (!/^-?\d+$/.test(text)) throw new TypeError("a value of an integer column is not an integer");
  return text;
}

/** How values of a column are written. Text is escaped for a session without NO_BACKSLASH_ESCAPES, in utf8mb4. */
function literalOf(column: SQLiteColumn): Literal {
  if (integer.test(column.getSQLType())) return integerLiteral;
  return (value) => {
    if (value === null) return "null";
    if (typeof value === "string") return quote(value);
    if (value instanceof Uint8Array)
      return `x'${Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex")}'`;
    throw new TypeError(`a value of column ${column.name} is neither text nor bytes`);
  };
}

function compile(query: SQL): string[] {
  return mysqlDialect.compile(query).sql.split(mark);
}

/** Joins rows to statements within the bounds. */
function statements(label: string, parts: readonly string[], separator: string, rows: readonly string[]): Statement[] {
  const [head = "", tail = ""] = parts;
  const built: Statement[] = [];
  let from = 0;
  let chars = 0;
  for (let at = 0; at < rows.length; at += 1) {
    chars += rows[at]?.length ?? 0;
    const last = at + 1 === rows.length;
    if (!last && chars < rowsCharsMax && at + 1 - from < rowsMax) continue;
    built.push({ label, text: head + rows.slice(from, at + 1).join(separator) + tail });
    from = at + 1;
    chars = 0;
  }
  return built;
}

/** What is compiled once for a plan or table. */
interface Compiled {
  readonly label: string;
  readonly parts: readonly string[];
  readonly columns: readonly (readonly [field: string, column: SQLiteColumn, literal: Literal])[];
}

function cached<K extends object>(compileOne: (key: K) => Compiled): (key: K) => Compiled {
  const known = new WeakMap<K, Compiled>();
  return (key) => {
    const found = known.get(key) ?? compileOne(key);
    known.set(key, found);
    return found;
  };
}

function labelled(parts: readonly string[], columns: Compiled["columns"]): Compiled {
  return { label: parts.join("…"), parts, columns };
}

const withLiterals = (columns: readonly (readonly [string, SQLiteColumn])[]): Compiled["columns"] =>
  columns.map(([field, column]) => [field, column, literalOf(column)] as const);

const rows = sql.raw(`values ${mark}`);
const inserts = cached((table: SQLiteTable) =>
  labelled(compile(insertSql(table, rows)), withLiterals(columnsOf(table))),
);
const upserts = cached((plan: UpsertStep["plan"]) =>
  labelled(compile(upsertSql(mysqlDialect, plan, rows)), withLiterals(columnsOf(plan.table))),
);
/** A table of literals, which both MySQL and MariaDB read row by row to look each up by its key. Their own forms of it differ
 *  (VALUES), and a list of tuples after IN costs MariaDB a millisecond a tuple (docs/adr/0012). */
function literalRows(names: readonly string[], as: string): string {
  const header = names.map((name) => `null as \`${name}\``).join(", ");
  return `(select ${header} from dual where false union all ${mark}) as ${as}`;
}

const updates = cached((plan: UpdateStep["plan"]) => {
  const columns = updateColumns(plan).map((column) => [column.name, column] as const);
  const fresh = literalRows(
    columns.map(([name]) => name),
    "fresh",
  );
  return labelled(compile(updateManySql(mysqlDialect, plan, sql.raw(fresh))), withLiterals(columns));
});

const deletes = cached((plan: DeletePlan) =>
  labelled(compile(deleteSql(plan, sql.raw(`in (${mark})`))), withLiterals([[plan.by.name, plan.by]])),
);

const finds = cached((plan: FindPlan) => {
  const columns = plan.by.map((column, at) => [`key_${at}`, column] as const);
  if (columns.length === 1) {
    return labelled(compile(findSql(mysqlDialect, plan, keyIn(plan, sql.raw(mark)))), withLiterals(columns));
  }
  const wanted = literalRows(
    columns.map(([name]) => name),
    "wanted",
  );
  const matches = columns.map(([name, column]) => sql`${sql.identifier(column.name)} = ${sql.identifier(name)}`);
  const joined = sql.raw(`${wanted} straight_join `);
  return labelled(compile(findSql(mysqlDialect, plan, sql.join(matches, sql` and `), joined)), withLiterals(columns));
});

const scans = cached((plan: ScanPlan) =>
  labelled(
    compile(scanSql(plan, () => sql.raw(mark))),
    withLiterals([...plan.equal, plan.range, plan.range].map((column) => [column.name, column])),
  ),
);

function tuples(columns: Compiled["columns"], given: readonly Record<string, unknown>[]): string[] {
  return given.map((row) => {
    let text = "(";
    for (let at = 0; at < columns.length; at += 1) {
      const [field, column, literal] = columns[at] as Compiled["columns"][number];
      if (at > 0) text += ",";
      text += literal(encode(column, row[field]));
    }
    return `${text})`;
  });
}

export function insertStatements(step: InsertStep | UpsertStep): Statement[] {
  const { label, parts, columns } = step.step === "insert" ? inserts(step.table) : upserts(step.plan);
  return statements(label, parts, ",", tuples(columns, step.rows));
}

export function updateStatements({ plan, rows: given }: UpdateStep): Statement[] {
  const { label, parts, columns } = updates(plan);
  const selects = given.map((row) => {
    const literals = updateValues(plan, row).map((value, at) => columns[at]?.[2](value));
    return `select ${literals.join(",")}`;
  });
  return statements(label, parts, " union all ", selects);
}

function deleteStatements({ plan, keys }: DeleteStep): Statement[] {
  const { label, parts, columns } = deletes(plan);
  const literals = keys.map((key) => columns[0]?.[2](encode(plan.by, key)) ?? "null");
  return statements(label, parts, ",", literals);
}

export function findStatements(plan: FindPlan, keys: readonly (readonly unknown[])[]): Statement[] {
  const { label, parts, columns } = finds(plan);
  const single = columns.length === 1;
  const literals = keys.map((key) => {
    const values = columns.map(([, column, literal], at) => literal(encode(column, key[at])));
    return single ? (values[0] ?? "") : `select ${values.join(",")}`;
  });
  return statements(label, parts, single ? "," : " union all ", literals);
}

export function scanStatement(plan: ScanPlan, range: ScanRange): Statement {
  const { label, parts, columns } = scans(plan);
  const values = scanValues(plan, range);
  const limit = integerLiteral(range.limit);
  const literals = values.map((value, at) => columns[at]?.[2](value) ?? limit);
  return { label, text: parts.map((part, at) => part + (literals[at] ?? "")).join("") };
}

/** The clock at the beginning of the statement. */
const askNow = sql.raw("cast(unix_timestamp(now(3)) * 1000 as signed)");
type Asks = WeakMap<object, { label: string; parts: readonly string[]; literals: readonly Literal[] }>;
const asks: Asks = new WeakMap();
const packedAsks: Asks = new WeakMap();

export function askStatement(plan: AskPlan, values: readonly unknown[], packed = false): Statement {
  const known = packed ? packedAsks : asks;
  let compiled = known.get(plan);
  if (compiled === undefined) {
    // The holes by their number: one value may stand in several.
    const query = (packed ? packedSql : askSql)(plan, askNow, (at) => sql.raw(`${mark}${at}${mark}`));
    const parts = mysqlDialect.compile(query).sql.split(mark);
    compiled = { label: parts.join("…"), parts, literals: plan.params.map(literalOf) };
    known.set(plan, compiled);
  }
  const { label, parts, literals } = compiled;
  const given = plan.params.map((column, at) => literals[at]?.(encode(column, values[at])) ?? "null");
  return { label, text: parts.map((part, at) => (at % 2 === 0 ? part : given[Number(part)])).join("") };
}

/** Several steps as one message. */
export interface StepsMessage {
  readonly statement: Statement;
  /** Statements in it; none when the clock alone was asked and is this process's. */
  readonly count: number;
  /** What the steps gave, in their order, from what the statements gave. */
  resultsOf(answers: readonly Rows[]): unknown[];
}

export function stepsMessage(
  steps: readonly SingleStep[],
  nowText: string,
  clock: (() => number) | undefined,
): StepsMessage {
  const statements: Statement[] = [];
  const ends: number[] = [];
  for (const step of steps) {
    for (const statement of statementsOf(step, nowText, clock)) statements.push(statement);
    ends.push(statements.length);
  }
  const [only] = statements;
  const statement =
    statements.length === 1 && only !== undefined
      ? only
      : { text: statements.map(({ text }) => text).join(";"), label: statements.map(({ label }) => label).join("; ") };
  return {
    statement,
    count: statements.length,
    resultsOf: (answers) =>
      steps.map((step, at) => resultOf(step, answers.slice(ends[at - 1] ?? 0, ends[at] ?? 0), clock)),
  };
}

function statementsOf(step: SingleStep, nowText: string, clock: (() => number) | undefined): Statement[] {
  if (step.step === "find") return findStatements(step.plan, step.keys);
  if (step.step === "update") return updateStatements(step);
  if (step.step === "delete") return deleteStatements(step);
  if (step.step !== "now") return insertStatements(step);
  return clock === undefined ? [{ text: nowText, label: nowText }] : [];
}

function resultOf(step: SingleStep, answers: readonly Rows[], clock: (() => number) | undefined): unknown {
  if (step.step === "find") return answers.flatMap((rows) => found(step.plan, rows));
  if (step.step !== "now") return undefined;
  return clock === undefined ? Number(answers[0]?.[0]?.[0]) : clock();
}
