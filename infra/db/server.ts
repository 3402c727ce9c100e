import type { Answers, AskPlan, Groups, PackedAnswers } from "./ask.ts";
import type { Db, Reads, Tx, Writes } from "./db.ts";
import type { Dialect } from "./dialect.ts";
import { DbError } from "./errors.ts";
import { Pool, type Pooled, type PoolOptions } from "./pool.ts";
import type { FindPlan, ScanPlan, ScanRange, Steps } from "./steps.ts";

/** One connection of a database server, its session set up: READ COMMITTED, UTC, lock wait and statement limits. Every error
 *  is a DbError. */
export interface ServerConnection extends Pooled {
  /** drizzle on this connection. */
  readonly q: Writes;
  /** Runs what a transaction body yields: a planned step or a query of `q`. */
  run(yielded: unknown): Promise<unknown>;
  find(plan: FindPlan, keys: readonly (readonly unknown[])[]): Promise<Record<string, unknown>[]>;
  scan(plan: ScanPlan, range: ScanRange): Promise<Record<string, unknown>[]>;
  ask<G extends Groups>(plan: AskPlan<G>, values: readonly unknown[]): Promise<Answers<G>>;
  now(): Promise<number>;
  begin(): Promise<void>;
  /** Rejects when the server does not say that it committed. */
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Destroys the connection when `work` has not ended after `limitMs`. */
  limited<T>(limitMs: number, what: string, work: () => Promise<T>): Promise<T>;
  /** Ends the connection; with a reason it counts as lost. */
  destroy(reason?: DbError): void;
}

/** A connection for migrations: statements may take long. */
export interface ScriptConnection extends Pooled {
  /** Takes the lock of migrations, which ends with the connection at the latest; where DDL has transactions, begins one. */
  beginScript(): Promise<void>;
  execute(text: string): Promise<Record<string, unknown>[]>;
  commitScript(): Promise<void>;
}

export interface ServerDriver<C extends ServerConnection> {
  readonly dialect: Dialect;
  open(): Promise<C>;
  openScript(): Promise<ScriptConnection>;
  /** Where the server has it (`Db.askPacked`). */
  askPacked?<G extends Groups>(connection: C, plan: AskPlan<G>, values: readonly unknown[]): Promise<PackedAnswers<G>>;
  /** drizzle on whichever connection `use` lends for one query. */
  reads(use: <T>(work: (connection: C) => Promise<T>) => Promise<T>): Reads;
}

export interface ServerLimits {
  /** A transaction that has not reached COMMIT after this is rolled back, ms. */
  transactionMs: number;
  /** A statement outside a transaction, ms. */
  queryMs: number;
}

/** How often one body is run, each time on another connection, when it ends before COMMIT by a deadlock, a lock wait or a lost
 *  connection: nothing is stored then. */
const attemptsMax = 3;
/** Two that were in each other's way do not repeat at the same instant: at most this, ms. */
const contentionPauseMs = 50;

/** Drives one body to its end. What a statement refused, the body cannot undo by catching: the transaction fails. */
async function drive<T>(body: Steps<T>, run: (yielded: unknown) => Promise<unknown>): Promise<T> {
  let refused: { error: unknown } | undefined;
  let next = body.next();
  while (!next.done) {
    let result: unknown;
    try {
      result = await run(next.value);
    } catch (error) {
      refused ??= { error };
      next = body.throw(error);
      continue;
    }
    next = body.next(result);
  }
  if (refused !== undefined) throw refused.error;
  return next.value;
}

function isAway(error: unknown): error is DbError {
  return error instanceof DbError && error.kind === "unavailable";
}

/** Who repeats takes another connection. Only one that others were in the way of says nothing about the rest. */
function discard(connection: ServerConnection, error: DbError): void {
  connection.destroy(error.contention ? undefined : error);
}

/** The port on a database server. Each body is a transaction of its own on a pooled connection; a body may run again as
 *  long as nothing of it was sent to be committed. */
export function createServerDb<C extends ServerConnection>(
  driver: ServerDriver<C>,
  limits: ServerLimits,
  poolOptions: PoolOptions,
  statements: () => number,
): Db {
  const { dialect, askPacked } = driver;
  const pool = new Pool<C>(poolOptions, () => driver.open());
  let transactions = 0;
  let commits = 0;

  /** A read that lost its connection is asked once more on another one: idle connections go unnoticed. */
  async function use<T>(work: (connection: C) => Promise<T>): Promise<T> {
    const startMs = performance.now();
    for (let attempts = 1; ; attempts += 1) {
      const connection = await pool.take();
      try {
        return await connection.limited(limits.queryMs, "a query", () => work(connection));
      } catch (error) {
        if (!isAway(error)) throw error;
        discard(connection, error);
        if (attempts > 1 || performance.now() - startMs >= limits.queryMs / 2) throw error;
      } finally {
        pool.give(connection);
      }
    }
  }

  /** After it the connection is clean, or destroyed. */
  async function undo(connection: C, error: unknown): Promise<void> {
    if (connection.alive) await connection.rollback().catch(() => connection.destroy());
    if (isAway(error)) discard(connection, error);
  }

  async function commit(connection: C): Promise<void> {
    try {
      await connection.commit();
      commits += 1;
      transactions += 1;
    } catch (error) {
      connection.destroy();
      throw new DbError("unavailable", "the outcome of COMMIT is not known", { cause: error });
    }
  }

  /** Runs the body up to its COMMIT. */
  async function runBody<T>(connection: C, body: (tx: Tx) => Steps<T>): Promise<T> {
    try {
      await connection.begin();
      return await drive(body({ q: connection.q, dialect }), (yielded) => connection.run(yielded));
    } catch (error) {
      await undo(connection, error);
      throw error;
    }
  }

  async function transaction<T>(body: (tx: Tx) => Steps<T>): Promise<T> {
    const startMs = performance.now();
    let repeatAfterMs = 0;
    for (let attempts = 1; ; attempts += 1) {
      if (repeatAfterMs > 0) await Bun.sleep(repeatAfterMs);
      const connection = await pool.take();
      let committing = false;
      try {
        return await connection.limited(limits.transactionMs, "a transaction", async () => {
          const value = await runBody(connection, body);
          committing = true;
          await commit(connection);
          return value;
        });
      } catch (error) {
        const late = performance.now() - startMs >= limits.transactionMs;
        if (committing || late || !isAway(error) || attempts === attemptsMax) throw error;
        repeatAfterMs = error.contention ? Math.random() * contentionPauseMs : 0;
      } finally {
        pool.give(connection);
      }
    }
  }

  const script: Db["script"] = async (body) => {
    const connection = await driver.openScript();
    try {
      await connection.beginScript();
      await body((text) => connection.execute(text));
      await connection.commitScript();
    } finally {
      connection.destroy();
    }
  };

  return {
    dialect,
    q: driver.reads(use),
    find: async (plan, keys) =>
      (keys.length === 0 ? [] : await use((connection) => connection.find(plan, keys))) as never,
    scan: async (plan, range) => (await use((connection) => connection.scan(plan, range))) as never,
    ask: (plan, values) => use((connection) => connection.ask(plan, values)),
    askPacked:
      askPacked === undefined ? undefined : (plan, values) => use((connection) => askPacked(connection, plan, values)),
    transaction,
    now: () => use((connection) => connection.now()),
    script,
    ping: () => use((connection) => connection.ping()),
    stats: () => ({ waiting: pool.waiting, transactions, commits, statements: statements() }),
    [Symbol.asyncDispose]: () => pool.close(),
  };
}
