import { type LocalStore, type Scored, type Ttl, WrongTypeError } from "./cache.ts";
import { itemBytes, orderOf, type SortedSet, textBytes } from "./entry.ts";
import type { MemoryMap } from "./memory-map.ts";
import type { SmallMap } from "./small-map.ts";

/** Prefix of the key that holds a fill lease. */
export const leasePrefix = "lease:";

/** The verbs over a map in memory. */
export function createLocalStore(map: MemoryMap, nowMs: () => number): LocalStore {
  const expiry = (options: Ttl | undefined): number | undefined =>
    options?.ttlMs === undefined ? undefined : nowMs() + options.ttlMs;
  return {
    nowMs,
    ...keyVerbs(map, nowMs),
    ...stringVerbs(map, expiry),
    ...hashVerbs(map, expiry),
    ...setVerbs(map, expiry),
    ...sortedVerbs(map, expiry),
  };
}

type Expiry = (options: Ttl | undefined) => number | undefined;
type Verbs<K extends keyof LocalStore> = Pick<LocalStore, K>;

function keyVerbs(map: MemoryMap, nowMs: () => number): Verbs<"del" | "exists" | "expire" | "ttl"> {
  return {
    del(keys) {
      let count = 0;
      for (const key of keys) {
        if (map.remove(key)) count += 1;
        map.remove(leasePrefix + key);
      }
      return count;
    },
    exists: (key) => map.find(key) !== undefined,
    expire(key, ttlMs) {
      const entry = map.find(key);
      if (entry === undefined) return false;
      if (ttlMs <= 0) map.remove(key);
      else entry.expiresAtMs = nowMs() + ttlMs;
      return true;
    },
    ttl(key) {
      const entry = map.find(key);
      return entry === undefined || entry.expiresAtMs === Number.POSITIVE_INFINITY
        ? undefined
        : entry.expiresAtMs - nowMs();
    },
  };
}

function stringVerbs(map: MemoryMap, expiry: Expiry): Verbs<"get" | "set" | "setNX" | "mget" | "incr"> {
  const get = (key: string): string | undefined => map.read(key, "string");
  const set = (key: string, value: string, options?: Ttl): void => {
    const entry = map.find(key);
    if (entry !== undefined && entry.kind !== "string") map.remove(key);
    map.put(key, value, expiry(options) ?? Number.POSITIVE_INFINITY);
  };
  return {
    get,
    set,
    setNX(key, value, options) {
      if (map.find(key) !== undefined) return false;
      set(key, value, options);
      return true;
    },
    // As on the servers, a key of another kind is a miss here.
    mget: (keys) =>
      keys.map((key) => {
        const value = map.find(key)?.value;
        return typeof value === "string" ? value : undefined;
      }),
    incr(key, options) {
      const old = get(key);
      if (old !== undefined && !/^-?\d{1,15}$/.test(old)) throw new WrongTypeError(`${key} holds no integer`);
      const value = Number(old ?? 0) + (options?.by ?? 1);
      map.put(key, String(value), old === undefined ? (expiry(options) ?? Number.POSITIVE_INFINITY) : undefined);
      return value;
    },
  };
}

function hashVerbs(map: MemoryMap, expiry: Expiry): Verbs<"hget" | "hset" | "hgetall" | "hdel" | "hlen"> {
  const size = (field: string, value: string | undefined): number =>
    value === undefined ? 0 : itemBytes(field) + textBytes(value);
  return {
    hget: (key, field) => map.read(key, "hash")?.get(field),
    hset(key, fields, options) {
      const given = Object.entries(fields);
      if (given.length === 0) return;
      const change = (value: SmallMap): number => {
        let grown = 0;
        for (const [field, text] of given) {
          grown += size(field, text) - size(field, value.get(field));
          value.set(field, text);
        }
        return grown;
      };
      map.write(key, "hash", change, expiry(options));
    },
    hgetall: (key) => Object.fromEntries(map.read(key, "hash") ?? []),
    hdel(key, fields) {
      let count = 0;
      map.shrink(key, "hash", (value) => {
        let freedBytes = 0;
        for (const field of fields) {
          freedBytes += size(field, value.get(field));
          if (value.delete(field)) count += 1;
        }
        return { freedBytes, left: value.size };
      });
      return count;
    },
    hlen: (key) => map.read(key, "hash")?.size ?? 0,
  };
}

function setVerbs(map: MemoryMap, expiry: Expiry): Verbs<"sadd" | "srem" | "smembers" | "sismember" | "scard"> {
  return {
    sadd(key, members, options) {
      if (members.length === 0) return 0;
      let count = 0;
      const change = (value: Set<string>): number => {
        let grown = 0;
        for (const member of members) {
          if (value.has(member)) continue;
          value.add(member);
          count += 1;
          grown += itemBytes(member);
        }
        return grown;
      };
      map.write(key, "set", change, expiry(options));
      return count;
    },
    srem(key, members) {
      let count = 0;
      map.shrink(key, "set", (value) => {
        let freedBytes = 0;
        for (const member of members) {
          if (!value.delete(member)) continue;
          count += 1;
          freedBytes += itemBytes(member);
        }
        return { freedBytes, left: value.size };
      });
      return count;
    },
    smembers: (key) => [...(map.read(key, "set") ?? [])],
    sismember: (key, member) => map.read(key, "set")?.has(member) ?? false,
    scard: (key) => map.read(key, "set")?.size ?? 0,
  };
}

function sortedVerbs(
  map: MemoryMap,
  expiry: Expiry,
): Verbs<"zadd" | "zrem" | "zrangeByScore" | "zremRangeByRank" | "zcard" | "zscore"> {
  const zrem = (key: string, members: readonly string[]): number => {
    let count = 0;
    map.shrink(key, "zset", (value) => {
      let freedBytes = 0;
      for (const member of members) {
        if (!value.scores.delete(member)) continue;
        count += 1;
        freedBytes += itemBytes(member);
      }
      if (count > 0) value.ordered = undefined;
      return { freedBytes, left: value.scores.size };
    });
    return count;
  };
  return {
    zadd(key, entries, options) {
      if (entries.length === 0) return 0;
      if (entries.some((entry) => Number.isNaN(entry.score))) throw new RangeError("a score is not a number");
      let count = 0;
      const change = (set: SortedSet): number => {
        let grown = 0;
        for (const { member, score } of entries) {
          if (!set.scores.has(member)) {
            count += 1;
            grown += itemBytes(member);
          }
          set.scores.set(member, score);
        }
        set.ordered = undefined;
        return grown;
      };
      map.write(key, "zset", change, expiry(options));
      return count;
    },
    zrem,
    zrangeByScore(key, min, max, options) {
      const set = map.read(key, "zset");
      if (set === undefined) return [];
      const within = orderOf(set).filter((one) => one.score >= min && one.score <= max);
      if (options?.reverse) within.reverse();
      return within.slice(0, options?.limit ?? within.length).map((one): Scored => ({ ...one }));
    },
    zremRangeByRank(key, start, stop) {
      const set = map.read(key, "zset");
      if (set === undefined) return 0;
      const from = start < 0 ? Math.max(0, set.scores.size + start) : start;
      const to = stop < 0 ? set.scores.size + stop : stop;
      const gone = orderOf(set).slice(from, Math.max(from, to + 1));
      return zrem(
        key,
        gone.map((one) => one.member),
      );
    },
    zcard: (key) => map.read(key, "zset")?.scores.size ?? 0,
    zscore: (key, member) => map.read(key, "zset")?.scores.get(member),
  };
}
