/** Milliseconds to live; without it a key stays (or keeps the time it has, where it exists). */
export interface Ttl {
  ttlMs?: number | undefined;
}
export interface Scored {
  member: string;
  score: number;
}

/** The verbs on one key or a list of keys, as a script's local body sees them: synchronous, one store. A key holds a string, hash, set or zset;
 *  a verb of another kind throws WrongTypeError. An empty hash, set or zset does not exist. Values are strings; callers serialise. */
export interface LocalStore {
  /** Unix ms of the store. */
  nowMs(): number;
  get(key: string): string | undefined;
  /** Replaces value and time to live, of any kind. */
  set(key: string, value: string, options?: Ttl): void;
  /** Sets only where there is no such key; true if it did. */
  setNX(key: string, value: string, options?: Ttl): boolean;
  /** Deletes the keys and ends their fill leases. Answers how many there were. */
  del(keys: readonly string[]): number;
  exists(key: string): boolean;
  /** In the order of `keys`. */
  mget(keys: readonly string[]): (string | undefined)[];
  /** Adds `by` (default 1) to a decimal integer, missing = 0. `ttlMs` is set only when the key is made by this call. */
  incr(key: string, options?: Ttl & { by?: number }): number;
  hget(key: string, field: string): string | undefined;
  /** Sets the fields; with `ttlMs` the key's time to live is renewed. */
  hset(key: string, fields: Readonly<Record<string, string>>, options?: Ttl): void;
  /** Empty when there is no such key. */
  hgetall(key: string): Record<string, string>;
  hdel(key: string, fields: readonly string[]): number;
  hlen(key: string): number;
  /** Answers how many were new; with `ttlMs` the key's time to live is renewed. */
  sadd(key: string, members: readonly string[], options?: Ttl): number;
  srem(key: string, members: readonly string[]): number;
  smembers(key: string): string[];
  sismember(key: string, member: string): boolean;
  scard(key: string): number;
  /** Answers how many were new; a known member gets the new score; with `ttlMs` the key's time to live is renewed. */
  zadd(key: string, entries: readonly Scored[], options?: Ttl): number;
  zrem(key: string, members: readonly string[]): number;
  /** Members with min ≤ score ≤ max by score, then by member as bytes; `reverse` from the top. `limit` default: all. */
  zrangeByScore(key: string, min: number, max: number, options?: { limit?: number; reverse?: boolean }): Scored[];
  /** Removes by rank from the lowest score; negative ranks count from the end (−1 = last). */
  zremRangeByRank(key: string, start: number, stop: number): number;
  zcard(key: string): number;
  zscore(key: string, member: string): number | undefined;
  /** False when there is no such key. */
  expire(key: string, ttlMs: number): boolean;
  /** Milliseconds left; undefined when the key is missing or stays for ever. */
  ttl(key: string): number | undefined;
}

/** Integers (fractions are cut), strings, undefined, and lists of them without undefined: what Lua on Redis can answer. */
export type ScriptResult = string | number | undefined | readonly ScriptResult[];

/** One atomic step, written twice: `lua` runs on Redis, `local` on the memory driver. Both must answer the same; the suite of the script's owner shows it.
 *  Every key it touches is among `keys` (a cluster places by them). `local` neither waits nor keeps the store. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  local(store: LocalStore, keys: readonly string[], args: readonly string[]): ScriptResult;
}

/** `value`: the key was there. `lease`: it was not, and this caller may fill it. Neither: another one is filling; read the database and store nothing. */
export type Fill =
  | { readonly value: string; readonly lease?: undefined }
  | { readonly lease: string; readonly value?: undefined }
  | { readonly lease?: undefined; readonly value?: undefined };

export interface CacheLock {
  /** Renews the time to live; false when the lock is no longer ours. */
  refresh(ttlMs: number): Promise<boolean>;
  /** Compare-and-delete; false when the lock was no longer ours. */
  unlock(): Promise<boolean>;
}

type Async<T> = { [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<R> : never };

/** A cache has no part in seq, duplicates, rights or order: every key may vanish at any time. Calls of one turn leave together (pipelining), in order.
 *  A miss is `undefined`; a cache that cannot be reached rejects with CacheUnavailableError. */
export interface Cache extends Async<Omit<LocalStore, "nowMs">> {
  /** Reads, or takes the fill lease `lease:{key}` (3 s, set-if-absent) (spec 40 §5). */
  getOrLease(key: string): Promise<Fill>;
  /** Stores only while `lease` is still there, in one atomic step, and ends it. A `del` in between removed it: then false and nothing is stored, so a value read
   *  before a write is never stored after it. */
  storeWithLease(key: string, lease: string, value: string, options: { ttlMs: number }): Promise<boolean>;
  /** Reads on the primary, never a replica, together with its run id: another run id than before means that keys may have been lost (spec 50 §5). */
  mgetPrimary(keys: readonly string[]): Promise<{ values: (string | undefined)[]; runId: string }>;
  eval(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<ScriptResult>;
  /** The lock `lock:{name}` for `ttlMs`, or undefined when another holds it. */
  lock(name: string, ttlMs: number): Promise<CacheLock | undefined>;
  ping(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The cache cannot be reached, or gave no answer in time. What was asked may have been done. */
export class CacheUnavailableError extends Error {
  override readonly name = "CacheUnavailableError";
}
/** The key holds another kind of value, or `incr` met something that is no integer: an error of the program. */
export class WrongTypeError extends Error {
  override readonly name = "WrongTypeError";
}

/** How long a fill lease lives. */
export const fillLeaseMs = 3000;

/** `ttlMs` ± 10 %, so that what was filled together does not expire together (spec 40 §5). `random` answers 0…1. */
export function jitter(ttlMs: number, random: () => number = Math.random): number {
  return Math.round(ttlMs * (0.9 + 0.2 * random()));
}
