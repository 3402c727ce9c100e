import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Cache, CacheUnavailableError } from "../cache/cache.ts";
import { createMemoryCache } from "../cache/memory.ts";
import { silentLogger } from "../clog/clog.ts";
import { createLocalCoord } from "../coord/local.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createBucket, takeFrom, waitFor } from "./bucket.ts";
import { rateLimitConformance } from "./conformance.ts";
import { parseRate } from "./parse-rules.ts";
import { createRateLimit, type RateLimitDeps, type RateLimitOptions } from "./ratelimit.ts";
import { defaultRules, InvalidRuleError } from "./rules.ts";
import { localModeMs } from "./shared.ts";

rateLimitConformance("memory", async () => {
  let nowMs = 1_000_000;
  const cache = createMemoryCache({ clock: () => nowMs });
  return {
    cache,
    other: cache,
    advance: async (ms) => {
      nowMs += ms;
    },
    dispose: async () => cache[Symbol.asyncDispose](),
  };
});

function setup(options: RateLimitOptions = {}, deps: Partial<RateLimitDeps> = {}) {
  const clock = { nowMs: 1_000_000 };
  const metrics = createMetrics();
  const limits = createRateLimit(options, { clog: silentLogger, metrics, clock: () => clock.nowMs, ...deps });
  return { clock, limits, metrics };
}
const local = { mode: "local", ratePerSecond: 10, capacity: 2 } as const;

describe("bucket", () => {
  test("60 §8: over any time it gives at most capacity + rate × time, and no token is lost", () => {
    const steps = fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 5 })), { maxLength: 200 });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        (all, ratePerSecond, capacity) => {
          const bucket = createBucket({ ratePerSecond, capacity }, 0);
          let nowMs = 0;
          let given = 0;
          for (const [ms, count] of all) {
            nowMs += ms;
            const waitMs = takeFrom(bucket, count, nowMs) ? -1 : waitFor(bucket, count);
            if (waitMs < 0) given += count;
            else if (waitMs !== Number.POSITIVE_INFINITY)
              expect(takeFrom({ ...bucket }, count, nowMs + waitMs)).toBe(true);
            expect(given).toBeLessThanOrEqual(capacity + (ratePerSecond * nowMs) / 1000 + 1e-6);
            expect(bucket.tokens).toBeWithin(0, capacity + 1);
          }
        },
      ),
    );
  });

  test("a clock that goes back gives nothing and takes nothing", () => {
    const bucket = createBucket({ ratePerSecond: 1000, capacity: 10 }, 1000);
    expect(takeFrom(bucket, 10, 1000)).toBe(true);
    expect(takeFrom(bucket, 1, 500)).toBe(false);
    expect(takeFrom(bucket, 1, 501)).toBe(true);
  });
});

describe("rate limit", () => {
  test("60 §8: local rules by resource", async () => {
    const { limits, clock } = setup({ rules: { r: local } });
    expect(limits.allowLocal("a", "r")).toEqual({ allowed: true, remaining: 1, retryAfterMs: 0, limit: 2 });
    expect((await limits.allow("a", "r")).allowed).toBe(true);
    expect(limits.allowLocal("a", "r")).toEqual({ allowed: false, remaining: 0, retryAfterMs: 100, limit: 2 });
    expect(limits.allowLocal("b", "r").allowed).toBe(true);
    clock.nowMs += 100;
    expect(limits.allowLocal("a", "r").allowed).toBe(true);
  });

  test("60 §8: an unknown rule is denied and counted", async () => {
    const { limits, metrics } = setup();
    expect((await limits.allow("a", "none")).allowed).toBe(false);
    expect(limits.allowLocal("a", "machine_qps").allowed).toBe(false);
    expect(await metrics.render()).toContain('gochat_ratelimit_rejected_total{name="unknown"} 2');
  });

  test("60 §8: switched off everything passes, switched on the buckets are as they were", () => {
    const { limits } = setup({ rules: { r: local }, enabled: false });
    for (let at = 0; at < 10; at += 1) expect(limits.allowLocal("a", "none").allowed).toBe(true);
    limits.setEnabled(true);
    expect([1, 2, 3].map(() => limits.allowLocal("a", "r").allowed)).toEqual([true, true, false]);
  });

  test("the default rules are valid; rates outside (0, 1 000 000] are not, and the old rules stay", () => {
    const { limits } = setup({ rules: defaultRules });
    expect(limits.rule("user_send_message")?.capacity).toBe(60);
    expect(() => limits.setRules({ a: { ...local, ratePerSecond: 0 }, b: { ...local, capacity: 1_000_001 } })).toThrow(
      InvalidRuleError,
    );
    expect(limits.rule("user_send_message")?.capacity).toBe(60);
  });

  test("swapped rules keep the tokens that were taken", () => {
    const { limits } = setup({ rules: { r: { ...local, capacity: 10 } } });
    limits.allowLocal("a", "r", 9);
    limits.setRules({ r: { ...local, capacity: 5 } });
    expect(limits.allowLocal("a", "r", 2).allowed).toBe(false);
    expect(limits.allowLocal("a", "r", 1).allowed).toBe(true);
    expect(limits.allowLocal("b", "r").limit).toBe(5);
  });

  test("G4: buckets are bounded; a full one goes before one that limits somebody", () => {
    const { limits, clock } = setup({ rules: { r: { ...local, ratePerSecond: 1 } }, bucketsMax: 4 });
    limits.allowLocal("busy", "r", 2);
    for (const at of [1, 2, 3]) limits.allowLocal(`idle${at}`, "r", 1);
    clock.nowMs += 1000;
    for (let at = 0; at < 3; at += 1) limits.allowLocal(`new${at}`, "r", 1);
    expect(limits.allowLocal("busy", "r", 2).allowed).toBe(false);
  });

  test("60 §8 backend failure: rules become local, `deny` refuses first, one call a second tries the cache again", async () => {
    let up = false;
    let calls = 0;
    const cache = createMemoryCache();
    const flaky: Pick<Cache, "eval"> = {
      async eval(...args) {
        calls += 1;
        if (!up) throw new CacheUnavailableError("away");
        return cache.eval(...args);
      },
    };
    const shared = { mode: "distributed", ratePerSecond: 0.001, capacity: 2 } as const;
    const { limits, clock } = setup(
      { rules: { open: shared, login: { ...shared, onError: "deny" } } },
      { cache: flaky },
    );
    expect((await limits.allow("a", "login")).allowed).toBe(false);
    const inLocalMode = [
      await limits.allow("a", "login"),
      await limits.allow("a", "open"),
      await limits.allow("a", "open"),
      await limits.allow("a", "open"),
    ];
    expect(inLocalMode.map((verdict) => verdict.allowed)).toEqual([true, true, true, false]);
    expect(calls).toBe(1);
    clock.nowMs += localModeMs;
    expect((await limits.allow("a", "login")).allowed).toBe(true);
    expect(calls).toBe(2);
    up = true;
    clock.nowMs += localModeMs;
    expect((await limits.allow("a", "open")).remaining).toBe(1);
    expect((await limits.allow("a", "open")).remaining).toBe(0);
    expect(calls).toBe(4);
  });

  test("60 §8: a cache that does not answer delays no call beyond its bound", async () => {
    const { limits } = setup(
      { rules: { r: { ...local, mode: "distributed" } } },
      { cache: { eval: () => Promise.withResolvers<undefined>().promise } },
    );
    expect((await limits.allow("a", "r")).allowed).toBe(true);
  });

  test("60 §8: rules follow the documents of the configuration centre; an invalid one is rejected, the previous one stays", async () => {
    const { limits, metrics } = setup();
    await using coord = createLocalCoord();
    const prefix = "/config/development/gateway/ratelimit/";
    await coord.settings.set(
      `${prefix}a`,
      JSON.stringify({ machine_qps: { mode: "local", rate: 500, capacity: 600, description: "all" } }),
    );
    await limits.follow(coord.settings, prefix, defaultRules);
    expect(limits.rule("machine_qps")).toMatchObject({ ratePerSecond: 500, capacity: 600 });
    expect(limits.rule("search")?.capacity).toBe(30);
    await coord.settings.set(`${prefix}b`, JSON.stringify({ search: { mode: "local", rate: "60/min", capacity: 7 } }));
    await Promise.resolve();
    expect(limits.rule("search")).toMatchObject({ ratePerSecond: 1, capacity: 7 });
    await coord.settings.set(`${prefix}b`, JSON.stringify({ search: { mode: "local", rate: -1, capacity: 9 } }));
    await Promise.resolve();
    expect(limits.rule("search")?.capacity).toBe(7);
    expect(await metrics.render()).toContain('gochat_config_reload_total{name="ratelimit",result="rejected"} 1');
    await coord.settings.delete(`${prefix}b`);
    await Promise.resolve();
    expect(limits.rule("search")?.capacity).toBe(30);
  });

  test.each([
    ["20/min", 20 / 60],
    ["30/s", 30],
    ["10/h", 10 / 3600],
    [5, 5],
    ["5", 5],
    ["x", undefined],
    ["5/d", undefined],
    [null, undefined],
  ])("rate %p is %p a second", (raw, rate) => expect(parseRate(raw)).toBe(rate));
});
