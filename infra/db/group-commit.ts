import type { Database } from "bun:sqlite";
import { DbError, fromSqlite } from "./errors.ts";

interface Waiting {
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** One commit holds at most this many bodies, so that one turn of the event loop stays short. */
const bodiesMax = 500;
/** … and begins no further body after this time, ms. */
const commitBudgetMs = 20;

/** Joins transaction bodies: all that wait in the same turn of the event loop share one BEGIN IMMEDIATE … COMMIT, a
 *  SAVEPOINT each, unless one is alone. A body that throws undoes only itself; a COMMIT that fails rejects all of them. Nothing is awaited
 *  between BEGIN and COMMIT. At most `waitingMax` bodies wait; the next is refused with DbError `unavailable`. */
export interface GroupCommit {
  add<T>(run: () => T): Promise<T>;
  /** Runs `work` while no body runs; bodies wait meanwhile. */
  exclusive(work: () => Promise<void>): Promise<void>;
  stats(): { waiting: number; transactions: number; commits: number };
  /** Refuses new bodies and runs the waiting ones. */
  close(): Promise<void>;
}

export function createGroupCommit(writer: Database, waitingMax: number): GroupCommit {
  const begin = writer.prepare("BEGIN IMMEDIATE");
  const commit = writer.prepare("COMMIT");
  const savepoint = writer.prepare("SAVEPOINT body");
  const release = writer.prepare("RELEASE body");
  const undo = writer.prepare("ROLLBACK TO body");
  let waiting: Waiting[] = [];
  let scheduled = false;
  let held = false;
  let closed = false;
  let transactions = 0;
  let commits = 0;

  function rollback(): void {
    if (writer.inTransaction) writer.run("ROLLBACK");
  }

  /** Without a savepoint, which has SQLite copy each page before its first change. A throw ends the transaction. */
  function runAlone(body: Waiting, stored: (() => void)[]): void {
    try {
      const value = body.run();
      stored.push(() => body.resolve(value));
    } catch (error) {
      body.reject(fromSqlite(error));
      throw error;
    }
  }

  /** Runs one body in its savepoint. Throws only when the whole transaction is gone. */
  function runBody(body: Waiting, stored: (() => void)[]): void {
    let value: unknown;
    try {
      savepoint.run();
      value = body.run();
    } catch (error) {
      // Some errors (disk full, I/O) end SQLite's transaction as a whole: nobody's rows are there any more.
      if (!writer.inTransaction) {
        body.reject(fromSqlite(error));
        throw error;
      }
      undo.run();
      release.run();
      body.reject(fromSqlite(error));
      return;
    }
    release.run();
    stored.push(() => body.resolve(value));
  }

  function flush(): void {
    scheduled = false;
    if (held || waiting.length === 0) return;
    const deadline = performance.now() + commitBudgetMs;
    const stored: (() => void)[] = [];
    const batch = waiting;
    let at = 0;
    try {
      begin.run();
      while (at < batch.length && at < bodiesMax && (at === 0 || performance.now() < deadline)) {
        const body = batch[at] as Waiting;
        at += 1;
        if (batch.length === 1) runAlone(body, stored);
        else runBody(body, stored);
      }
      commit.run();
      commits += 1;
      transactions += stored.length;
    } catch (error) {
      rollback();
      const known = fromSqlite(error);
      const failure =
        known instanceof DbError && known.kind === "unavailable"
          ? known
          : new DbError("unavailable", `the transaction was not committed: ${String(error)}`, { cause: error });
      // BEGIN failed: nobody ran, everybody who waited is told. Otherwise those that ran; a second reject has no effect.
      const failed = at === 0 ? batch.length : at;
      for (const body of batch.slice(0, failed)) body.reject(failure);
      at = failed;
      stored.length = 0;
    }
    waiting = batch.slice(at);
    if (waiting.length > 0) schedule();
    for (const done of stored) done();
  }

  function schedule(): void {
    if (scheduled || held) return;
    scheduled = true;
    setImmediate(flush);
  }

  return {
    add<T>(run: () => T): Promise<T> {
      if (closed) return Promise.reject(new DbError("unavailable", "the database is closed"));
      if (waiting.length >= waitingMax) {
        return Promise.reject(new DbError("unavailable", `${waitingMax} transactions wait for the database`));
      }
      return new Promise<T>((resolve, reject) => {
        waiting.push({ run, resolve: resolve as (value: unknown) => void, reject });
        schedule();
      });
    },
    async exclusive(work) {
      held = true;
      try {
        await work();
      } finally {
        held = false;
        schedule();
      }
    },
    stats: () => ({ waiting: waiting.length, transactions, commits }),
    async close() {
      closed = true;
      while (waiting.length > 0) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
