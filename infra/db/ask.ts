import { type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { decode } from "./statements.ts";
import type { Found, Selection } from "./steps.ts";

/** What is selected, by the alias of its table in `from`. */
export type Groups = Readonly<Record<string, Selection>>;

/** One statement over several tables, the same text every time: a driver compiles and prepares it once. Create a plan once, at
 *  start. The aliases of `groups` are those of `from`; the first column of a group is never NULL in its table, so that a row
 *  which an outer join did not find is told by it. */
export interface AskPlan<G extends Groups = Groups> {
  readonly groups: G;
  /** What the values are, by a column of the same type; `hole(n)` is the place of the n-th, from 0. */
  readonly params: readonly SQLiteColumn[];
  /** What is selected in the place of a column, by `alias.column` as they are named in the database. */
  readonly computed?: (hole: (at: number) => SQL) => Readonly<Record<string, SQL>>;
  /** A number that comes with each row. */
  readonly total?: SQL;
  /** What follows `from`. */
  readonly from: (hole: (at: number) => SQL) => SQL;
}

export type AnswerRow<G extends Groups> = { readonly [K in keyof G]: Found<G[K]> | undefined };

export interface Answers<G extends Groups> {
  readonly rows: readonly AnswerRow<G>[];
  /** Of the first row; 0 without rows. */
  readonly total: number;
  /** The database's clock when the statement began, Unix ms. */
  readonly nowMs: number;
}

/** Answers whose rows are known again: `keys` has a text for each, another one as soon as anything in the row is. */
export interface PackedAnswers<G extends Groups> {
  readonly keys: readonly string[];
  /** Decodes the row of a key. */
  row(key: string): AnswerRow<G>;
  readonly total: number;
  readonly nowMs: number;
}

/** `alias.column` */
export function named(alias: string, column: SQLiteColumn): SQL {
  return sql`${sql.identifier(alias)}.${sql.identifier(column.name)}`;
}

/** The columns of all groups in their order, and what each is read from. */
export function selectedOf(plan: AskPlan, hole: (at: number) => SQL): { column: SQLiteColumn; from: SQL }[] {
  const computed = plan.computed?.(hole) ?? {};
  return Object.entries(plan.groups).flatMap(([alias, group]) =>
    Object.values(group).map((column) => ({
      column,
      from: computed[`${alias}.${column.name}`] ?? named(alias, column),
    })),
  );
}

/** Columns: the clock, the total, the groups in their order. */
export function askSql(plan: AskPlan, now: SQL, hole: (at: number) => SQL): SQL {
  const columns = selectedOf(plan, hole).map(({ from }) => from);
  const selected = sql.join([now, plan.total ?? sql.raw("0"), ...columns], sql`, `);
  return sql`select ${selected} from ${plan.from(hole)}`;
}

export function rowsOf<G extends Groups>(plan: AskPlan<G>, values: readonly (readonly unknown[])[]): AnswerRow<G>[] {
  return values.map(rowReader(plan));
}

/** Reads a row of the columns of `askSql`. */
export function rowReader<G extends Groups>(plan: AskPlan<G>): (row: readonly unknown[]) => AnswerRow<G> {
  const groups = Object.entries(plan.groups).map(([alias, group]) => ({ alias, columns: Object.entries(group) }));
  return (row) => {
    const answer: Record<string, unknown> = {};
    let at = 2;
    for (const { alias, columns } of groups) {
      answer[alias] = isMissing(row[at]) ? undefined : groupOf(columns, row, at);
      at += columns.length;
    }
    return answer as AnswerRow<G>;
  };
}

function isMissing(value: unknown): boolean {
  return value === null || value === undefined;
}

function groupOf(columns: readonly (readonly [string, SQLiteColumn])[], row: readonly unknown[], from: number): object {
  const object: Record<string, unknown> = {};
  let at = from;
  for (const [field, column] of columns) {
    object[field] = decode(column, row[at]);
    at += 1;
  }
  return object;
}

/** Of a server: `now` is asked where no row tells the time, `clock` stands for it. */
export async function answersOf<G extends Groups>(
  plan: AskPlan<G>,
  values: readonly (readonly unknown[])[],
  now: () => Promise<number>,
  clock: (() => number) | undefined,
): Promise<Answers<G>> {
  const [first] = values;
  const nowMs = first === undefined || clock !== undefined ? await now() : Number(first[0]);
  return { rows: rowsOf(plan, values), total: totalOf(values), nowMs };
}

export function totalOf(values: readonly (readonly unknown[])[]): number {
  return Number(values[0]?.[1] ?? 0);
}
