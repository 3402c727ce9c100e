import type { Cache } from "../cache/cache.ts";
import { createMemoryCache } from "../cache/memory.ts";
import { type Logger, silentLogger } from "../clog/clog.ts";
import { sleepFor } from "../retry/retry.ts";
import { digestOf, type Mark, readMark } from "./mark.ts";
import { deleteIf, replaceIf } from "./scripts.ts";

export interface OnceOptions {
  /** How long the result is remembered. */
  ttlMs: number;
  /** Stands for the request's body: the same key with another one → IdempotencyConflictError. */
  fingerprint?: string;
  signal?: AbortSignal;
  /** What to do when the store cannot be reached: `throw` for critical operations, `run` (default) runs with a warning. */
  onStoreError?: "throw" | "run";
}

/** Runs an operation once per key (`{domain}:{operation}:{id}`). A failure of `fn` removes the mark, so that a retry, or a caller that waited, runs it. Concurrent callers of one
 *  key: one runs, the others wait at most 5 s for its result, then OnceTimeoutError. A process that dies while it runs is given up after `runLeaseMs`.
 *  Sends and changes do not use it: the database's unique key decides. */
export interface Once {
  /** True when this call ran `fn`, false when it had been done before. */
  do(key: string, options: OnceOptions, fn: () => Promise<void>): Promise<boolean>;
  /** The value of the one run, as JSON: what JSON cannot carry is lost, a bigint rejects. */
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
/** How long a running mark outlives its process; renewed every third of it. */
export const runLeaseMs = 30_000;
/** Between two looks at a mark of another process. */
const lookEveryMs = 25;

type OnceCache = Pick<Cache, "setNX" | "get" | "eval">;

export interface OnceDeps {
  /** The store of mode `distributed`. Without one: mode `local`, marks of this process in a bounded memory. */
  cache?: OnceCache;
  clog?: Logger;
  /** Monotonic ms. Default `performance.now`. */
  clock?: () => number;
  sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

type Outcome<T> = { readonly ran: boolean; readonly value: T };

export function createOnce(deps: OnceDeps = {}): Once {
  const { clog: parent = silentLogger, clock = () => performance.now(), sleep = sleepFor } = deps;
  const clog = parent.namespace("once");
  const cache = deps.cache ?? createMemoryCache({ entriesMax: 100_000, bytesMax: 32 * 1024 * 1024 });

  const attempt = async <T>(key: string, options: OnceOptions, fn: () => Promise<T>): Promise<Outcome<T>> => {
    const path = pathOf(key);
    const fingerprint = digestOf(options.fingerprint);
    const running = JSON.stringify({ at: "running", owner: crypto.randomUUID(), fingerprint } satisfies Mark);
    const untilMs = clock() + onceWaitMs;
    for (;;) {
      options.signal?.throwIfAborted();
      const taken = await stored(() => cache.setNX(path, running, { ttlMs: runLeaseMs }));
      if (taken)
        return {
          ran: true,
          value: await runMarked({ cache, clog, path, running, fingerprint, ttlMs: options.ttlMs }, fn),
        };
      const text = await stored(() => cache.get(path));
      const mark = text === undefined ? undefined : readMark(text);
      if (mark !== undefined && mark.fingerprint !== fingerprint)
        throw new IdempotencyConflictError(`${key} was used with another body`);
      // The type of a stored value is the caller's promise: one key, one operation.
      if (mark?.at === "done") return { ran: false, value: mark.value as T };
      if (clock() >= untilMs) throw new OnceTimeoutError(`${key} still runs after ${onceWaitMs} ms`);
      if (mark !== undefined) await sleep(lookEveryMs, options.signal);
    }
  };
  const guarded = async <T>(key: string, options: OnceOptions, fn: () => Promise<T>): Promise<Outcome<T>> => {
    try {
      return await attempt(key, options, fn);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (options.onStoreError === "throw") throw error.cause;
      clog.warn("the store of idempotency keys is away: the operation runs unguarded", { key, err: error.cause });
      return { ran: true, value: await fn() };
    }
  };
  return {
    do: async (key, options, fn) => (await guarded(key, options, fn)).ran,
    execute: async (key, options, fn) => (await guarded(key, options, fn)).value,
    async clear(key) {
      const text = await cache.get(pathOf(key));
      if (text !== undefined && readMark(text).at === "done") await cache.eval(deleteIf, [pathOf(key)], [text]);
    },
  };
}

const pathOf = (key: string): string => `idempotent:${key}`;

/** A failure of the store, told apart from one of the operation. */
class StoreError extends Error {}

async function stored<T>(verb: () => Promise<T>): Promise<T> {
  try {
    return await verb();
  } catch (cause) {
    throw new StoreError("the store failed", { cause });
  }
}

interface Run {
  readonly cache: OnceCache;
  readonly clog: Logger;
  readonly path: string;
  /** The text of our mark. */
  readonly running: string;
  readonly fingerprint: string;
  readonly ttlMs: number;
}

/** Runs `fn` under a mark that is ours, keeps the mark alive meanwhile, and settles it. When the store fails afterwards the operation has been done all the same: its value is answered, with a warning. */
async function runMarked<T>(run: Run, fn: () => Promise<T>): Promise<T> {
  const { cache, clog, path, running, fingerprint, ttlMs } = run;
  const quietly = async (what: string, verb: () => Promise<unknown>): Promise<void> => {
    try {
      if ((await verb()) === 0) clog.warn("an idempotency mark was lost while its operation ran", { key: path, what });
    } catch (err) {
      clog.warn("an idempotency mark could not be settled", { key: path, what, err });
    }
  };
  const renewal = setInterval(
    () => void quietly("renew", () => cache.eval(replaceIf, [path], [running, running, runLeaseMs])),
    runLeaseMs / 3,
  );
  try {
    const value = await fn();
    const done = JSON.stringify({ at: "done", fingerprint, value } satisfies Mark);
    await quietly("done", () => cache.eval(replaceIf, [path], [running, done, ttlMs]));
    return value;
  } catch (error) {
    await quietly("failed", () => cache.eval(deleteIf, [path], [running]));
    throw error;
  } finally {
    clearInterval(renewal);
  }
}
