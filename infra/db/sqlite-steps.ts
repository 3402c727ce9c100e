import type { Database, Statement } from "bun:sqlite";
import { type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import { type Answers, type AskPlan, askSql, type Groups, rowsOf, totalOf } from "./ask.ts";
import { sqliteDialect } from "./dialect.ts";
import {
  columnsOf,
  deleteSql,
  encode,
  findSql,
  found,
  insertSql,
  keyEquals,
  scanSql,
  scanValues,
  updateRowSql,
  updateValues,
  upsertSql,
} from "./statements.ts";
import type { DeletePlan, FindPlan, PlannedStep, ScanPlan, ScanRange, UpdatePlan, UpsertPlan } from "./steps.ts";

type Values = (string | number | bigint | boolean | null | Uint8Array)[];

/** Runs planned steps on one bun:sqlite connection: each plan is compiled once and its row statement run row by row, which
 *  costs a third of building one multi-row statement each time. */
export interface StepRunner {
  execute(step: PlannedStep): unknown;
  find(plan: FindPlan, keys: readonly (readonly unknown[])[]): Record<string, unknown>[];
  scan(plan: ScanPlan, range: ScanRange): Record<string, unknown>[];
  ask<G extends Groups>(plan: AskPlan<G>, values: readonly unknown[]): Answers<G>;
  /** Steps that were run. */
  readonly count: number;
}

/** A hole is written as `?`; its value is bound in the order of the holes. */
const hole = sql.raw("?");

function rowOf(table: SQLiteTable): SQL {
  return sql`values (${sql.join(
    columnsOf(table).map(() => hole),
    sql`, `,
  )})`;
}

function compile(client: Database, query: SQL): Statement {
  return client.prepare(sqliteDialect.compile(query).sql);
}

export function createStepRunner(client: Database, clock: () => number): StepRunner {
  const inserts = new WeakMap<
    SQLiteTable,
    { statement: Statement; columns: readonly (readonly [string, SQLiteColumn])[] }
  >();
  const upserts = new WeakMap<
    UpsertPlan,
    { statement: Statement; columns: readonly (readonly [string, SQLiteColumn])[] }
  >();
  const updates = new WeakMap<UpdatePlan, Statement>();
  const deletes = new WeakMap<DeletePlan, Statement>();
  const finds = new WeakMap<FindPlan, Statement>();
  const scans = new WeakMap<ScanPlan, Statement>();
  const asks = new WeakMap<object, Statement>();
  let count = 0;

  function insertRows(
    prepared: { statement: Statement; columns: readonly (readonly [string, SQLiteColumn])[] },
    rows: readonly Record<string, unknown>[],
  ): void {
    for (const row of rows) {
      const values = prepared.columns.map(([field, column]) => encode(column, row[field]));
      prepared.statement.run(...(values as Values));
    }
  }

  function insert(table: SQLiteTable, rows: readonly Record<string, unknown>[]): void {
    count += 1;
    let prepared = inserts.get(table);
    if (prepared === undefined) {
      prepared = { statement: compile(client, insertSql(table, rowOf(table))), columns: columnsOf(table) };
      inserts.set(table, prepared);
    }
    insertRows(prepared, rows);
  }

  function upsert(plan: UpsertPlan, rows: readonly Record<string, unknown>[]): void {
    count += 1;
    let prepared = upserts.get(plan);
    if (prepared === undefined) {
      const statement = compile(client, upsertSql(sqliteDialect, plan, rowOf(plan.table)));
      prepared = { statement, columns: columnsOf(plan.table) };
      upserts.set(plan, prepared);
    }
    insertRows(prepared, rows);
  }

  function update(plan: UpdatePlan, rows: readonly Record<string, unknown>[]): void {
    count += 1;
    let statement = updates.get(plan);
    if (statement === undefined) {
      statement = compile(client, updateRowSql(plan, hole));
      updates.set(plan, statement);
    }
    for (const row of rows) statement.run(...(updateValues(plan, row) as Values));
  }

  function remove(plan: DeletePlan, keys: readonly unknown[]): void {
    count += 1;
    let statement = deletes.get(plan);
    if (statement === undefined) {
      statement = compile(client, deleteSql(plan, sql`= ${hole}`));
      deletes.set(plan, statement);
    }
    for (const key of keys) statement.run(encode(plan.by, key) as Values[number]);
  }

  function find(plan: FindPlan, keys: readonly (readonly unknown[])[]): Record<string, unknown>[] {
    count += 1;
    let statement = finds.get(plan);
    if (statement === undefined) {
      statement = compile(client, findSql(sqliteDialect, plan, keyEquals(plan, hole)));
      finds.set(plan, statement);
    }
    const rows: unknown[][] = [];
    for (const key of keys) {
      const values = plan.by.map((column, at) => encode(column, key[at]));
      for (const row of statement.values(...(values as Values))) rows.push(row);
    }
    return found(plan, rows);
  }

  function scan(plan: ScanPlan, range: ScanRange): Record<string, unknown>[] {
    count += 1;
    let statement = scans.get(plan);
    if (statement === undefined) {
      statement = compile(
        client,
        scanSql(plan, () => hole),
      );
      scans.set(plan, statement);
    }
    return found(plan, statement.values(...(scanValues(plan, range) as Values)) as unknown[][]);
  }

  function ask<G extends Groups>(plan: AskPlan<G>, params: readonly unknown[]): Answers<G> {
    count += 1;
    let statement = asks.get(plan);
    if (statement === undefined) {
      const query = askSql(plan, sql.raw("0"), (at) => sql.raw(`?${at + 1}`));
      statement = compile(client, query);
      asks.set(plan, statement);
    }
    const nowMs = clock();
    const given = plan.params.map((column, at) => encode(column, params[at]));
    const values = statement.values(...(given as Values)) as unknown[][];
    return { rows: rowsOf(plan, values), total: totalOf(values), nowMs };
  }

  function execute(step: PlannedStep): unknown {
    if (step.step === "insert") return insert(step.table, step.rows);
    if (step.step === "upsert") return upsert(step.plan, step.rows);
    if (step.step === "update") return update(step.plan, step.rows);
    if (step.step === "delete") return remove(step.plan, step.keys);
    if (step.step === "find") return find(step.plan, step.keys);
    if (step.step === "together") return step.steps.map(execute);
    return clock();
  }

  return {
    find,
    scan,
    ask,
    execute,
    get count() {
      return count;
    },
  };
}
