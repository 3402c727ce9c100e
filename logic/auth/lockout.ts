import { type Cache, CacheUnavailableError } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import { AppError } from "#proto/errors.ts";
import { type LockoutLimits, lockoutLimits, loginFailureKeys } from "#proto/login-failures.ts";

/** Attempts of one name from one address that may wait for each other; the next is refused as locked. */
const waitingPerPairMax = 16;

/** Counts failed sign-ins in the cache, by (name, address) and by address, never by name alone: anyone could lock anyone out. */
export interface Lockout {
  /** Runs `verify` unless locked; undefined from it is a failure and counts, anything else forgets the pair's failures.
   *  Attempts of one pair run one after the other, so that parallel guesses cannot pass the limit together. What `verify`
   *  throws counts neither way. Without an address (calls of tools) nothing is counted. A cache that is away lets attempts
   *  pass: signing in matters more, and the hashing itself is bounded. Throws LOGIN_LOCKED {retryAfterMs}. */
  attempt<T>(username: string, ip: string, verify: () => Promise<T | undefined>): Promise<T | undefined>;
}

export function createLockout(deps: { cache: Cache; clog: Logger }, limits: LockoutLimits = lockoutLimits): Lockout {
  const tails = new Map<string, { last: Promise<unknown>; waiting: number }>();
  const log = deps.clog.namespace("lockout");

  async function inCache<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CacheUnavailableError)) throw error;
      log.warn("cannot count failed sign-ins: the cache is away", { err: error });
      return otherwise;
    }
  }

  async function refuseLocked(keys: { pair: string; ip: string }): Promise<void> {
    const [pair, ip] = await deps.cache.mget([keys.pair, keys.ip]);
    const locking = [
      ...(Number(pair ?? 0) >= limits.pairFailuresMax ? [keys.pair] : []),
      ...(Number(ip ?? 0) >= limits.ipFailuresMax ? [keys.ip] : []),
    ];
    if (locking.length === 0) return;
    const left = await Promise.all(locking.map((key) => deps.cache.ttl(key)));
    throw locked(Math.max(...left.map((ms) => ms ?? 0)));
  }

  async function guarded<T>(keys: { pair: string; ip: string }, verify: () => Promise<T | undefined>) {
    await inCache(() => refuseLocked(keys), undefined);
    const result = await verify();
    await inCache<unknown>(async () => {
      if (result !== undefined) return deps.cache.del([keys.pair]);
      const ttl = { ttlMs: limits.windowMs };
      return Promise.all([deps.cache.incr(keys.pair, ttl), deps.cache.incr(keys.ip, ttl)]);
    }, undefined);
    return result;
  }

  return {
    async attempt(username, ip, verify) {
      if (ip === "") return verify();
      const keys = loginFailureKeys(username, ip);
      const { pair } = keys;
      const tail = tails.get(pair) ?? { last: Promise.resolve(), waiting: 0 };
      if (tail.waiting >= waitingPerPairMax) throw locked(1000);
      tail.waiting++;
      tails.set(pair, tail);
      const turn = tail.last.then(() => guarded(keys, verify));
      tail.last = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        if (--tail.waiting === 0) tails.delete(pair);
      }
    },
  };
}

function locked(retryAfterMs: number): AppError {
  return new AppError("LOGIN_LOCKED", { details: { retryAfterMs } });
}
