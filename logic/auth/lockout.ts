import { type Cache, CacheUnavailableError } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import { AppError } from "#proto/errors.ts";
import { usernameKey } from "#proto/username.ts";

/** Figures of spec 10 §3. */
export interface LockoutLimits {
  /** failures of one name from one address that lock the pair */
  readonly pairFailuresMax: number;
  /** failures from one address that lock the address */
  readonly ipFailuresMax: number;
  readonly windowMs: number;
}
export const lockoutLimits: LockoutLimits = { pairFailuresMax: 5, ipFailuresMax: 20, windowMs: 300_000 };

/** Attempts of one name from one address that may wait for each other; the next is refused as locked. */
const waitingPerPairMax = 16;
/** Names longer than this exist nowhere; cut before they become part of a key. */
const nameCharsMax = 80;

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
      const from = addressKey(ip);
      const pair = `login_fail:user:${usernameKey(username.slice(0, nameCharsMax))}:${from}`;
      const tail = tails.get(pair) ?? { last: Promise.resolve(), waiting: 0 };
      if (tail.waiting >= waitingPerPairMax) throw locked(1000);
      tail.waiting++;
      tails.set(pair, tail);
      const turn = tail.last.then(() => guarded({ pair, ip: `login_fail:ip:${from}` }, verify));
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

/** The address that is counted: IPv4 as it is (mapped into IPv6 as well), of IPv6 the /64, which one customer holds whole. */
export function addressKey(ip: string): string {
  const text = ip.slice(0, 64).toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (mapped !== undefined) return mapped;
  if (!text.includes(":")) return text;
  const [head = "", tail] = text.split("%", 1)[0]?.split("::", 2) ?? [];
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  while (tail !== undefined && groups.length + after.length < 8) groups.push("0");
  return `${[...groups, ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
