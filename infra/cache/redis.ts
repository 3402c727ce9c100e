import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type Cache, type CacheLock, CacheUnavailableError, fillLeaseMs, type Script } from "./cache.ts";
import type { CacheConfig } from "./config.ts";
import { cacheCounts } from "./counts.ts";
import { leasePrefix } from "./local-store.ts";
import { connectRedisLink, type RedisLink } from "./redis-link.ts";
import { integer, scriptResult, text, wholeMs } from "./redis-replies.ts";
import { type Lua, luaOf, steps } from "./redis-scripts.ts";
import { besideKey } from "./redis-slot.ts";
import { collectionVerbs, stringVerbs } from "./redis-verbs.ts";

export interface RedisCacheDeps {
  readonly clog: Logger;
  readonly metrics?: Metrics;
  /** Ends the wait for the first connection. */
  readonly signal?: AbortSignal;
}

const lockPrefix = "lock:";
/** The mark that vanishes with the data (see `steps.runId`). */
const markName = "cache:mark";

/** The cache on Redis 5 or later (or what speaks like it): one server, a primary found by sentinels, or a cluster. One connection per server, on which the calls of a
 *  turn leave together. While there is no connection calls reject at once, and no answer is waited for longer than `timeout`; then CacheUnavailableError.
 *  Resolves when the servers answer; rejects with CacheUnavailableError after `startWait`. */
export async function connectRedis(
  config: Omit<CacheConfig, "driver">,
  { clog, metrics, signal }: RedisCacheDeps,
): Promise<Cache> {
  const link = await connectRedisLink(config, clog, signal);
  const counts = cacheCounts(metrics);
  const pathOf = (key: string): string => config.prefix + key;
  const leaseOf = (key: string): string => besideKey(config.prefix, leasePrefix, pathOf(key));
  const strings = stringVerbs({ link, pathOf, leaseOf, counts });
  const luas = new WeakMap<Script, Lua>();
  const luaFor = (script: Script): Lua => {
    const lua = luas.get(script) ?? luaOf(script.lua);
    luas.set(script, lua);
    return lua;
  };
  return {
    ...strings,
    ...collectionVerbs({ link, pathOf, leaseOf, counts }),
    async getOrLease(key) {
      const lease = crypto.randomUUID();
      const answer = await link.run(steps.getOrLease, [pathOf(key), leaseOf(key)], [lease, String(fillLeaseMs)]);
      counts.read(key, typeof answer === "string");
      if (typeof answer === "string") return { value: answer };
      return answer === 1 ? { lease } : {};
    },
    async storeWithLease(key, lease, value, { ttlMs }) {
      const keys = [pathOf(key), leaseOf(key)];
      return (await link.run(steps.storeWithLease, keys, [lease, value, wholeMs(ttlMs)])) === 1;
    },
    async mgetPrimary(keys) {
      // The values before the run id, on one connection per server: what was lost in between shows as another run id, never as a miss under the old one.
      const [values, ...ids] = await Promise.all([
        keys.length === 0 ? [] : strings.mget(keys),
        ...link.keyOfEachPrimary(pathOf(markName)).map((key) => link.run(steps.runId, [key], [crypto.randomUUID()])),
      ]);
      if (ids.length === 0) throw new CacheUnavailableError("the cluster has no primary");
      return {
        values,
        runId: ids
          .map((id) => text(id) ?? "")
          .toSorted()
          .join(","),
      };
    },
    async eval(script, keys, args) {
      return scriptResult(await link.run(luaFor(script), keys.map(pathOf), args.map(String)));
    },
    lock: (name, ttlMs) => lockOf(link, pathOf(lockPrefix + name), ttlMs),
    async ping() {
      await link.call("ping");
    },
    [Symbol.asyncDispose]: () => link.close(),
  };
}

async function lockOf(link: RedisLink, key: string, ttlMs: number): Promise<CacheLock | undefined> {
  const owner = crypto.randomUUID();
  const taken = await link.call("set", key, owner, "PX", wholeMs(ttlMs), "NX");
  if (taken === null) return undefined;
  return {
    refresh: async (ms) => integer(await link.run(steps.refresh, [key], [owner, wholeMs(ms)])) === 1,
    unlock: async () => integer(await link.run(steps.unlock, [key], [owner])) === 1,
  };
}
