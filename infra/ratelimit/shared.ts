import type { Cache } from "../cache/cache.ts";
import type { Logger } from "../clog/clog.ts";
import type { Rule } from "./rules.ts";
import { takeTokens } from "./script.ts";

/** An answer of the cache is waited for no longer: a limit must not delay a send. */
export const cacheWaitMs = 250;
/** After a failure of the cache the rules are local for this long, then one call tries again. */
export const localModeMs = 1000;

export interface Taken {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Infinity when they never fit. */
  readonly retryAfterMs: number;
}

/** Buckets that all processes share. */
export interface Shared {
  /** Takes `count` tokens from the bucket `key`; `local` when this process has to decide alone. Never rejects. */
  take(key: string, rule: Rule, count: number): Promise<Taken | "local">;
}

export function createShared(cache: Pick<Cache, "eval">, clock: () => number, clog: Logger): Shared {
  let localUntilMs = 0;
  return {
    async take(key, rule, count) {
      // In local mode only the first call after its end tries the cache; the others do not wait for it.
      if (localUntilMs > 0 && clock() < localUntilMs) return "local";
      const retrying = localUntilMs > 0;
      if (retrying) localUntilMs = clock() + localModeMs;
      try {
        const answer = await within(
          cacheWaitMs,
          cache.eval(takeTokens, [key], [rule.ratePerSecond, rule.capacity, count]),
        );
        const [allowed, remaining, waitMs] = Array.isArray(answer) ? answer.map(Number) : [];
        if (allowed === undefined || remaining === undefined || waitMs === undefined)
          throw new TypeError("the script answered something else");
        if (retrying) clog.info("distributed limits are distributed again");
        localUntilMs = 0;
        return { allowed: allowed === 1, remaining, retryAfterMs: waitMs < 0 ? Number.POSITIVE_INFINITY : waitMs };
      } catch (err) {
        if (localUntilMs === 0) clog.warn("distributed limits are local: the cache does not answer", { err });
        localUntilMs = clock() + localModeMs;
        return rule.onError === "deny" && !retrying
          ? { allowed: false, remaining: 0, retryAfterMs: localModeMs }
          : "local";
      }
    },
  };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
