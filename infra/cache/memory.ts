import type { Metrics } from "../metrics/metrics.ts";
import {
  type Cache,
  type CacheLock,
  CacheUnavailableError,
  fillLeaseMs,
  type LocalStore,
  type ScriptResult,
} from "./cache.ts";
import { cacheCounts } from "./counts.ts";
import { createLocalStore, leasePrefix } from "./local-store.ts";
import { createMemoryMap, type MemoryBounds } from "./memory-map.ts";

export interface MemoryCacheOptions extends Partial<MemoryBounds> {
  metrics?: Metrics;
  /** Unix ms. Default `Date.now`. */
  clock?: () => number;
}

export interface MemoryCache extends Cache {
  /** Drops everything and takes a new run id, as a cache server that was restarted without its data. */
  wipe(): void;
  /** Keys (expired ones may be among them) and estimated bytes. */
  usage(): { entries: number; bytes: number };
}

const lockPrefix = "lock:";
const defaults = { entriesMax: 200_000, bytesMax: 128 * 1024 * 1024 };

/** The cache of one process: every verb is done, atomically, when the call returns its promise. Bounded in entries and bytes; what is evicted is counted. */
export function createMemoryCache(options: MemoryCacheOptions = {}): MemoryCache {
  const clock = options.clock ?? Date.now;
  const counts = cacheCounts(options.metrics);
  const map = createMemoryMap(
    { entriesMax: options.entriesMax ?? defaults.entriesMax, bytesMax: options.bytesMax ?? defaults.bytesMax },
    clock,
    counts.evicted,
  );
  const store = createLocalStore(map, clock);
  let runId = crypto.randomUUID();
  let open = true;

  /** Runs at once; what it throws rejects. */
  const step =
    <A extends unknown[], R>(verb: (...args: A) => R) =>
    async (...args: A): Promise<R> => {
      if (!open) throw new CacheUnavailableError("the cache is closed");
      return verb(...args);
    };
  const counted = <V extends string | undefined>(key: string, value: V): V => {
    counts.read(key, value !== undefined);
    return value;
  };
  const mget = (keys: readonly string[]): (string | undefined)[] =>
    store.mget(keys).map((value, at) => counted(keys[at] ?? "", value));

  return {
    ...verbsOf(store, step),
    get: step((key) => counted(key, store.get(key))),
    mget: step(mget),
    hgetall: step((key) => {
      const fields = store.hgetall(key);
      counts.read(key, Object.keys(fields).length > 0);
      return fields;
    }),
    getOrLease: step((key) => {
      const value = counted(key, store.get(key));
      if (value !== undefined) return { value };
      const lease = crypto.randomUUID();
      return store.setNX(leasePrefix + key, lease, { ttlMs: fillLeaseMs }) ? { lease } : {};
    }),
    storeWithLease: step((key, lease, value, { ttlMs }) => {
      if (store.get(leasePrefix + key) !== lease) return false;
      map.remove(leasePrefix + key);
      store.set(key, value, { ttlMs });
      return true;
    }),
    mgetPrimary: step((keys) => ({ values: mget(keys), runId })),
    eval: step((script, keys, args) => checkedResult(script.name, script.local(store, keys, args.map(String)))),
    lock: step((name, ttlMs) => lockOf(store, name, ttlMs, step)),
    ping: step(() => {}),
    wipe() {
      map.clear();
      runId = crypto.randomUUID();
    },
    usage: () => ({ entries: map.entries, bytes: map.bytes }),
    async [Symbol.asyncDispose]() {
      open = false;
      map.clear();
    },
  };
}

type Step = <A extends unknown[], R>(verb: (...args: A) => R) => (...args: A) => Promise<R>;

function verbsOf(store: LocalStore, step: Step) {
  return {
    set: step(store.set),
    setNX: step(store.setNX),
    del: step(store.del),
    exists: step(store.exists),
    incr: step(store.incr),
    hget: step(store.hget),
    hset: step(store.hset),
    hdel: step(store.hdel),
    hlen: step(store.hlen),
    sadd: step(store.sadd),
    srem: step(store.srem),
    smembers: step(store.smembers),
    sismember: step(store.sismember),
    scard: step(store.scard),
    zadd: step(store.zadd),
    zrem: step(store.zrem),
    zrangeByScore: step(store.zrangeByScore),
    zremRangeByRank: step(store.zremRangeByRank),
    zcard: step(store.zcard),
    zscore: step(store.zscore),
    expire: step(store.expire),
    ttl: step(store.ttl),
  };
}

function lockOf(store: LocalStore, name: string, ttlMs: number, step: Step): CacheLock | undefined {
  const key = lockPrefix + name;
  const owner = crypto.randomUUID();
  if (!store.setNX(key, owner, { ttlMs })) return undefined;
  const ours = (): boolean => store.get(key) === owner;
  return {
    refresh: step((ms: number) => ours() && store.expire(key, ms)),
    unlock: step(() => ours() && store.del([key]) === 1),
  };
}

/** What a script on a server could answer: integers, and no hole in a list. */
function checkedResult(script: string, result: ScriptResult): ScriptResult {
  if (typeof result === "number") return Math.trunc(result);
  if (typeof result !== "object") return result;
  return result.map((item) => {
    if (item === undefined) throw new TypeError(`script ${script}: undefined inside a list ends it on a server`);
    return checkedResult(script, item);
  });
}
