import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { CacheUnderTest } from "../cache/conformance.ts";
import { silentLogger } from "../clog/clog.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createRateLimit, type RateLimit } from "./ratelimit.ts";
import { takeTokens } from "./script.ts";

/** The contract of distributed rules on a driver of the cache. */
export function rateLimitConformance(name: string, create: () => Promise<CacheUnderTest>): void {
  describe(`rate limit on cache: ${name}`, () => {
    let it: CacheUnderTest;
    let run = 0;
    beforeAll(async () => {
      it = await create();
    });
    afterAll(() => it.dispose());
    const processes = (ratePerSecond: number, capacity: number): { one: RateLimit; two: RateLimit; user: string } => {
      run += 1;
      const of = (cache: CacheUnderTest["cache"]): RateLimit =>
        createRateLimit(
          { rules: { send: { mode: "distributed", ratePerSecond, capacity } } },
          { cache, clog: silentLogger, metrics: createMetrics() },
        );
      return { one: of(it.cache), two: of(it.other), user: `user:${run}` };
    };

    test("60 §8: processes share one bucket; of many calls at once exactly the capacity passes", async () => {
      const { one, two, user } = processes(0.001, 10);
      const verdicts = await Promise.all(
        Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? one : two).allow(user, "send")),
      );
      expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(10);
      expect((await one.allow(`${user}-other`, "send")).allowed).toBe(true);
    });
    test("60 §8: tokens flow in by the rate; the wait that is told is enough", async () => {
      const { one, two, user } = processes(10, 2);
      expect(await one.allow(user, "send")).toEqual({ allowed: true, remaining: 1, retryAfterMs: 0, limit: 2 });
      await one.allow(user, "send");
      const refused = await two.allow(user, "send");
      expect(refused.allowed).toBe(false);
      expect(refused.retryAfterMs).toBeWithin(1, 101);
      await it.advance(refused.retryAfterMs);
      expect((await two.allow(user, "send")).allowed).toBe(true);
    });
    test("60 §8: a refused call takes nothing; what never fits says so", async () => {
      const { one, user } = processes(0.001, 5);
      expect((await one.allow(user, "send", 4)).remaining).toBe(1);
      expect((await one.allow(user, "send", 2)).allowed).toBe(false);
      expect((await one.allow(user, "send", 1)).allowed).toBe(true);
      expect((await one.allow(user, "send", 6)).retryAfterMs).toBe(Number.POSITIVE_INFINITY);
    });
    test("40 §5: a bucket's key lives twice as long as a refill takes", async () => {
      run += 1;
      await it.cache.eval(takeTokens, [`ratelimit:send:ttl:${run}`], [10, 20, 1]);
      expect(await it.cache.ttl(`ratelimit:send:ttl:${run}`)).toBeWithin(3000, 4001);
    });
  });
}
