export interface OnceOptions {
  /** How long the result is remembered. */
  ttlMs: number;
  /** Stands for the request's body: the same key with another one → IdempotencyConflictError. */
  fingerprint?: string;
  signal?: AbortSignal;
  /** What to do when the store cannot be reached: `throw` for critical operations, `run` (default) runs with a warning. */
  onStoreError?: "throw" | "run";
}

/** Runs an operation once per key (`{domain}:{operation}:{id}`). A failure of `fn` removes the mark, so that a retry may run it. Concurrent callers of one key: one runs,
 *  the others wait at most 5 s for its result, then OnceTimeoutError. Sends and changes do not use it: the database's unique key decides. */
export interface Once {
  /** True when this call ran `fn`, false when it had been done before. */
  do(key: string, options: OnceOptions, fn: () => Promise<void>): Promise<boolean>;
  /** The value of the one run, as JSON: what JSON cannot carry is lost. */
  execute<T>(key: string, options: OnceOptions, fn: () => Promise<T>): Promise<T>;
  /** Forgets the key, unless it runs right now. */
  clear(key: string): Promise<void>;
}

/** Code `TIMEOUT` at the rim. */
export class OnceTimeoutError extends Error {
  override readonly name = "OnceTimeoutError";
}
/** Code `IDEMPOTENCY_CONFLICT` at the rim. */
export class IdempotencyConflictError extends Error {
  override readonly name = "IdempotencyConflictError";
}
/** How long a caller waits for the one that runs. */
export const onceWaitMs = 5000;
