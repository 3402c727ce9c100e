import type { SQL } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";

/** A transaction body: it yields statements and gets their results, so that the same body runs synchronously on SQLite
 *  (nothing is awaited between BEGIN and COMMIT) and asynchronously on a server. Use `yield*` on the functions below. */
export type Steps<T> = Generator<unknown, T, unknown>;

type Row<T extends SQLiteTable> = T["$inferInsert"];
type Field<T extends SQLiteTable> = Extract<keyof Row<T>, string>;

/** Rows for one table in one statement, prepared once per table. */
export interface InsertStep {
  readonly step: "insert";
  readonly table: SQLiteTable;
  readonly rows: readonly Record<string, unknown>[];
}

/** `key` names the fields of one unique key. On a conflict the fields of `greatest` keep the larger of old and new, those
 *  of `replace` take the new value. Create a plan once, at start: drivers keep its prepared statement. */
export interface UpsertPlan<T extends SQLiteTable = SQLiteTable> {
  readonly table: T;
  readonly key: readonly Field<T>[];
  readonly greatest: readonly Field<T>[];
  readonly replace: readonly Field<T>[];
}

export interface UpsertStep {
  readonly step: "upsert";
  readonly plan: UpsertPlan;
  readonly rows: readonly Record<string, unknown>[];
}

/** Sets the fields of `set` in the row whose `key` field has the row's value. */
export interface UpdatePlan<T extends SQLiteTable = SQLiteTable> {
  readonly table: T;
  readonly key: Field<T>;
  readonly set: readonly Field<T>[];
}

export interface UpdateStep {
  readonly step: "update";
  readonly plan: UpdatePlan;
  readonly rows: readonly Record<string, unknown>[];
}

export type Selection = Readonly<Record<string, SQLiteColumn>>;

/** `columns` of the rows of `table` whose fields `by` equal one of the keys. `lock` takes the rows' locks (FOR UPDATE) in
 *  ascending order of `by`; SQLite has one writer, so there it costs nothing. */
export interface FindPlan<C extends Selection = Selection> {
  readonly table: SQLiteTable;
  readonly columns: C;
  readonly by: readonly SQLiteColumn[];
  readonly lock?: boolean;
}

export interface FindStep {
  readonly step: "find";
  readonly plan: FindPlan;
  readonly keys: readonly (readonly unknown[])[];
}

/** `columns` of the rows of `table` whose fields `equal` have given values, by the integer column `range`: a page of a
 *  keyset, without OFFSET. */
export interface ScanPlan<C extends Selection = Selection> {
  readonly table: SQLiteTable;
  readonly columns: C;
  readonly equal: readonly SQLiteColumn[];
  readonly range: SQLiteColumn;
  readonly descending: boolean;
}

export interface ScanRange {
  readonly equal: readonly unknown[];
  /** Both inclusive. */
  readonly from: bigint;
  readonly to: bigint;
  /** Rows. */
  readonly limit: number;
}

/** The rows of `table` whose field `by` is one of some values. Create a plan once, at start. */
export interface DeletePlan {
  readonly table: SQLiteTable;
  readonly by: SQLiteColumn;
}

export interface DeleteStep {
  readonly step: "delete";
  readonly plan: DeletePlan;
  readonly keys: readonly unknown[];
}

export interface NowStep {
  readonly step: "now";
}

/** Steps that need nothing of each other's results. */
export interface TogetherStep {
  readonly step: "together";
  readonly steps: readonly SingleStep[];
}

export type SingleStep = InsertStep | UpsertStep | UpdateStep | DeleteStep | FindStep | NowStep;
export type PlannedStep = SingleStep | TogetherStep;

/** The value of a column as the schema types it. */
export type ValueOf<C extends SQLiteColumn> = C["_"]["notNull"] extends true ? C["_"]["data"] : C["_"]["data"] | null;
export type Found<C extends Selection> = { [K in keyof C]: ValueOf<C[K]> };

/** Runs one query of the query builder and gives its rows. Of a statement without rows it gives nothing of use: ask
 *  `changes` where the count matters. */
export function* run<Q extends PromiseLike<unknown>>(query: Q): Steps<Awaited<Q>> {
  return (yield query) as Awaited<Q>;
}

/** Runs an update or delete and gives the number of rows that it matched. */
export function* changes(query: PromiseLike<unknown>): Steps<number> {
  return ((yield query) as { changes: number }).changes;
}

/** Inserts the rows; an existing key is a DbError of kind `unique`. Missing fields take the schema's default or NULL. */
export function* insertMany<T extends SQLiteTable>(table: T, rows: readonly Row<T>[]): Steps<void> {
  if (rows.length > 0) yield { step: "insert", table, rows } satisfies InsertStep;
}

/** Inserts or merges the rows (see `UpsertPlan`). Give them in key order, each key once: two writers then lock alike. */
export function* upsertMany<T extends SQLiteTable>(plan: UpsertPlan<T>, rows: readonly Row<T>[]): Steps<void> {
  if (rows.length > 0) yield { step: "upsert", plan: plan as unknown as UpsertPlan, rows } satisfies UpsertStep;
}

/** Updates several rows of one table by one key; each row must have the key and every field of `set`. */
export function* updateMany<T extends SQLiteTable>(plan: UpdatePlan<T>, rows: readonly Partial<Row<T>>[]): Steps<void> {
  if (rows.length > 0) yield { step: "update", plan: plan as unknown as UpdatePlan, rows } satisfies UpdateStep;
}

/** Deletes rows by a key; those that are missing are passed over. At most 1000 keys a call, ascending: two writers then
 *  lock alike. */
export function* deleteMany(plan: DeletePlan, keys: readonly unknown[]): Steps<void> {
  if (keys.length > 0) yield { step: "delete", plan, keys } satisfies DeleteStep;
}

/** Finds rows by their keys, at most 1000 keys a call, each key once. Missing rows are missing in the answer, whose order
 *  is not defined unless the plan locks. */
export function* findMany<C extends Selection>(
  plan: FindPlan<C>,
  keys: readonly (readonly unknown[])[],
): Steps<Found<C>[]> {
  if (keys.length === 0) return [];
  return (yield { step: "find", plan, keys } satisfies FindStep) as Found<C>[];
}

/** The database's clock, Unix milliseconds. */
export function* now(): Steps<number> {
  return (yield { step: "now" } satisfies NowStep) as number;
}

/** Runs calls of the functions above in their order, on a driver that can in one message to the server: none may need
 *  another's result. Each statement sees what those before it did, and what they waited for. One that fails fails all. */
export function* together<const S extends readonly Steps<unknown>[]>(calls: S): Steps<Results<S>> {
  const results: unknown[] = [];
  const steps: SingleStep[] = [];
  const open: number[] = [];
  for (const [index, call] of calls.entries()) {
    const next = call.next();
    if (next.done) results[index] = next.value;
    else {
      if (!isPlanned(next.value) || next.value.step === "together") throw new TypeError("not a single planned step");
      steps.push(next.value);
      open.push(index);
    }
  }
  const answers = steps.length === 0 ? [] : ((yield { step: "together", steps } satisfies TogetherStep) as unknown[]);
  for (const [at, index] of open.entries()) {
    const next = calls[index]?.next(answers[at]);
    if (next?.done !== true) throw new TypeError("a call of several steps");
    results[index] = next.value;
  }
  return results as Results<S>;
}

type Results<S extends readonly Steps<unknown>[]> = {
  -readonly [K in keyof S]: S[K] extends Steps<infer T> ? T : never;
};

/** True for what the functions above yield, false for a query of the query builder. */
export function isPlanned(yielded: unknown): yielded is PlannedStep {
  return typeof yielded === "object" && yielded !== null && "step" in yielded && typeof yielded.step === "string";
}

/** Something a query can be run by: drizzle's builders prepare to an object with `execute`. */
export interface Query extends PromiseLike<unknown> {
  getSQL(): SQL;
}
