import { createRemoteErrors } from "../bridge/errors.ts";
import type { Peer } from "../bridge/peer.ts";
import type { CacheHostVerbs } from "./bridge-host.ts";
import { type Cache, CacheUnavailableError, WrongTypeError } from "./cache.ts";

const cacheErrors = createRemoteErrors(
  [CacheUnavailableError, WrongTypeError, RangeError, TypeError],
  () => new CacheUnavailableError("the process with the cache is gone"),
);

/** The cache of another process of this machine, over a line to it: a script runs there, by its name. When the line is
 *  closed every verb rejects with CacheUnavailableError. */
export function createBridgeCache(peer: Peer): Cache {
  const remote = peer.remote<CacheHostVerbs>("cache", cacheErrors);
  let open = true;
  const own: Pick<Cache, "eval" | "lock"> = {
    eval: (script, keys, args) => remote.eval(script.name, keys, args),
    async lock(name, ttlMs) {
      const lock = await remote.lock(name, ttlMs);
      if (lock === undefined) return undefined;
      return { refresh: (ms) => remote.refresh(lock, ms), unlock: () => remote.unlock(lock) };
    },
  };
  // Every other verb goes over the line as it is.
  return new Proxy({} as Cache, {
    get(_, verb) {
      if (verb === Symbol.asyncDispose) {
        return async () => {
          open = false;
        };
      }
      if (typeof verb !== "string" || verb === "then") return undefined;
      if (!open) return () => Promise.reject(new CacheUnavailableError("the cache is closed"));
      return Reflect.get(own, verb) ?? Reflect.get(remote, verb);
    },
  });
}
