import type { PoolOptions } from "./pool.ts";

/** What the drivers of both servers need. Times in ms. */
export interface ServerOptions {
  connectMs: number;
  /** A statement waits for a lock so long. */
  lockWaitMs: number;
  transactionMs: number;
  queryMs: number;
  pool: Omit<PoolOptions, "keepAliveMs">;
  /** Told of every statement: its text without values, and its time. */
  took(label: string, ms: number): void;
  /** Stands for the server's clock, Unix ms; for tests. */
  clock?: (() => number) | undefined;
}

/** A process waits so long for another one that migrates. */
export const scriptLockMs = 120_000;
