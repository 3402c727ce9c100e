import type { Peer } from "../bridge/peer.ts";
import { type Cache, type CacheLock, CacheUnavailableError, type Script, type ScriptResult } from "./cache.ts";

/** What the process without a cache calls here: the verbs of the port; scripts by name, locks by number. */
export type CacheHostVerbs = Omit<Cache, "eval" | "lock" | typeof Symbol.asyncDispose> & {
  readonly eval: (script: string, keys: readonly string[], args: readonly (string | number)[]) => Promise<ScriptResult>;
  readonly lock: (name: string, ttlMs: number) => Promise<number | undefined>;
  readonly refresh: (lock: number, ttlMs: number) => Promise<boolean>;
  readonly unlock: (lock: number) => Promise<boolean>;
};

/** Locks that one process may hold or have held and not given back. */
const locksMax = 10_000;

/** Lets the process at the other end use this cache. `scriptOf` knows the scripts of the program by name. */
export function serveCache(peer: Peer, cache: Cache, scriptOf: (name: string) => Script | undefined): void {
  const { eval: run, lock: take, [Symbol.asyncDispose]: _, ...verbs } = cache;
  const locks = new Map<number, CacheLock>();
  let taken = 0;
  const own: Pick<CacheHostVerbs, "eval" | "lock" | "refresh" | "unlock"> = {
    eval(name, keys, args) {
      const script = scriptOf(name);
      if (script === undefined) throw new Error(`no script ${name} is known here`);
      return run(script, keys, args);
    },
    async lock(name, ttlMs) {
      if (locks.size >= locksMax) throw new CacheUnavailableError(`${locksMax} locks are held`);
      const lock = await take(name, ttlMs);
      if (lock === undefined) return undefined;
      taken += 1;
      locks.set(taken, lock);
      return taken;
    },
    refresh: async (number, ttlMs) => (await locks.get(number)?.refresh(ttlMs)) ?? false,
    async unlock(number) {
      const lock = locks.get(number);
      locks.delete(number);
      return (await lock?.unlock()) ?? false;
    },
  };
  peer.serve("cache", { ...verbs, ...own });
}
