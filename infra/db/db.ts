import type { BaseSQLiteDatabase } from "drizzle-orm/sqlite-core";
import type { Answers, AskPlan, Groups, PackedAnswers } from "./ask.ts";
import type { Dialect } from "./dialect.ts";
import type { FindPlan, Found, ScanPlan, ScanRange, Selection, Steps } from "./steps.ts";

type Builder = BaseSQLiteDatabase<"async", unknown, Record<string, never>>;

/** drizzle's query builder for reading. Its type is SQLite's for every dialect, so that each query is written once. */
export type Reads = Pick<Builder, "select" | "selectDistinct" | "$with" | "with">;
/** The same, with writes; only inside a transaction. */
export type Writes = Reads & Pick<Builder, "insert" | "update" | "delete">;

export interface Tx {
  /** Builds queries; give each to `run` or `changes` by `yield*`. */
  readonly q: Writes;
  readonly dialect: Dialect;
}

export interface DbStats {
  /** Transactions that wait. */
  readonly waiting: number;
  readonly transactions: number;
  readonly commits: number;
  /** Since the start, those of a transaction included, its beginning and end not. A planned step counts as one. */
  readonly statements: number;
}

/** The domain database. Reads see every transaction that was acknowledged (they go to the primary). Errors are `DbError`;
 *  what a body throws comes back as it is. Only what is awaited on `q` directly fails with the driver's own error: give it
 *  to `dialect.classify`. */
export interface Db extends AsyncDisposable {
  readonly dialect: Dialect;
  /** Reads outside a transaction: `await db.q.select()…`. */
  readonly q: Reads;
  /** Finds rows by a plan outside a transaction, by its prepared statement. */
  find<C extends Selection>(plan: FindPlan<C>, keys: readonly (readonly unknown[])[]): Promise<Found<C>[]>;
  /** Reads one page of a keyset outside a transaction, in the order of the plan, by its prepared statement. */
  scan<C extends Selection>(plan: ScanPlan<C>, range: ScanRange): Promise<Found<C>[]>;
  /** Runs a statement over several tables outside a transaction, prepared once. */
  ask<G extends Groups>(plan: AskPlan<G>, values: readonly unknown[]): Promise<Answers<G>>;
  /** The same by a statement that gives each row as one text, for rows that come again and again; only where that is cheaper
   *  than to decode them (MySQL). */
  readonly askPacked?:
    | (<G extends Groups>(plan: AskPlan<G>, values: readonly unknown[]) => Promise<PackedAnswers<G>>)
    | undefined;
  /** Runs `body` in one transaction, READ COMMITTED or better, and resolves after COMMIT. A throw inside, and a statement
   *  that was refused, rolls back this body alone. Keep bodies short. At most a bounded number may wait; the next is rejected
   *  with DbError `unavailable` at once.
   *  On SQLite all bodies that wait in the same turn of the event loop share one COMMIT. On a server each is a transaction of
   *  its own, ends within 5 s or is rolled back, and may be run up to three times, each on another connection, when it
   *  fails before COMMIT by a deadlock, a lock wait or a lost connection: so it changes nothing outside itself. When the outcome of
   *  COMMIT is not known, DbError `unavailable` leaves it to the caller to look. */
  transaction<T>(body: (tx: Tx) => Steps<T>): Promise<T>;
  /** The database's clock, Unix milliseconds. */
  now(): Promise<number>;
  /** Runs statements that are not part of any schema (migrations), each alone in its order, in one transaction where the
   *  dialect has transactional DDL. One caller at a time, over all processes. */
  script(body: (execute: (sql: string) => Promise<Record<string, unknown>[]>) => Promise<void>): Promise<void>;
  /** Rejects with DbError `unavailable` when the database does not answer. */
  ping(): Promise<void>;
  stats(): DbStats;
}
