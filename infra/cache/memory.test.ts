import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createMetrics } from "../metrics/metrics.ts";
import { CacheUnavailableError, jitter, type Script } from "./cache.ts";
import { cacheConformance } from "./conformance.ts";
import { createMemoryCache } from "./memory.ts";

/** What a promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

cacheConformance("memory", async () => {
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

describe("memory cache", () => {
  test("G4: keys never pass the bound; what was read lately stays, evictions are counted", async () => {
    const metrics = createMetrics();
    const cache = createMemoryCache({ entriesMax: 100, metrics });
    await cache.set("hot:1", "x");
    for (let at = 0; at < 1000; at += 1) {
      await cache.set(`cold:${at}`, "x");
      await cache.get("hot:1");
      expect(cache.usage().entries).toBeLessThanOrEqual(100);
    }
    expect(await cache.get("hot:1")).toBe("x");
    expect(await metrics.render()).toContain('gochat_cache_operations_total{operation="evict",key_class="cold"} 901');
  });

  test("G4: bytes never pass the bound, whatever is written", async () => {
    const verb = fc.tuple(
      fc.constantFrom("set", "hset", "sadd", "zadd", "del", "hdel", "srem", "zrem", "expire"),
      fc.nat(20),
      fc.string({ maxLength: 300 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(verb, { maxLength: 150 }), async (verbs) => {
        const cache = createMemoryCache({ bytesMax: 4096 });
        for (const [name, at, text] of verbs) {
          const key = `${name.at(0)}${name.at(-1)}${at}`;
          if (name === "set") await cache.set(key, text);
          if (name === "hset") await cache.hset(`h${at}`, { [text]: text });
          if (name === "sadd") await cache.sadd(`s${at}`, [text]);
          if (name === "zadd") await cache.zadd(`z${at}`, [{ member: text, score: at }]);
          if (name === "hdel") await cache.hdel(`h${at}`, [text]);
          if (name === "srem") await cache.srem(`s${at}`, [text]);
          if (name === "zrem") await cache.zrem(`z${at}`, [text]);
          if (name === "del") await cache.del([`h${at}`, `s${at}`, `z${at}`, `st${at}`]);
          if (name === "expire") await cache.expire(`h${at}`, at);
          expect(cache.usage().bytes).toBeWithin(0, 4097);
        }
        await cache.del(Array.from({ length: 21 }, (_, at) => [`h${at}`, `s${at}`, `z${at}`, `st${at}`]).flat());
        expect(cache.usage()).toEqual({ entries: 0, bytes: 0 });
      }),
      { numRuns: 60 },
    );
  });

  test("a value above the byte bound is not kept and pushes nothing else out", async () => {
    const cache = createMemoryCache({ bytesMax: 10_000 });
    await cache.set("a", "1");
    await cache.set("big", "x".repeat(20_000));
    expect(await cache.mget(["a", "big"])).toEqual(["1", undefined]);
  });

  test("G4: what expired is swept while others are written, without being touched", async () => {
    let nowMs = 0;
    const cache = createMemoryCache({ clock: () => nowMs });
    for (let at = 0; at < 1000; at += 1) await cache.set(`short:${at}`, "x", { ttlMs: 10 });
    nowMs = 11;
    for (let at = 0; at < 1100; at += 1) await cache.set("one", "x");
    expect(cache.usage().entries).toBeLessThan(10);
  });

  test("50 §5: a wiped cache has another run id", async () => {
    const cache = createMemoryCache();
    const before = await cache.mgetPrimary([]);
    cache.wipe();
    expect((await cache.mgetPrimary([])).runId).not.toBe(before.runId);
  });

  test("a closed cache rejects", async () => {
    const cache = createMemoryCache();
    await cache[Symbol.asyncDispose]();
    expect(await failure(cache.get("a"))).toBeInstanceOf(CacheUnavailableError);
  });

  test("a script that answers a list with a hole fails here as it would on a server", async () => {
    const cache = createMemoryCache();
    const hole: Script = { name: "hole", lua: "return {1, nil, 2}", local: () => [1, undefined, 2] };
    expect(String(await failure(cache.eval(hole, [], [])))).toContain("undefined inside a list");
  });

  test("40 §5: times to live are spread by ± 10 %", () => {
    expect([jitter(1000, () => 0), jitter(1000, () => 0.5), jitter(1000, () => 1)]).toEqual([900, 1000, 1100]);
  });
});
