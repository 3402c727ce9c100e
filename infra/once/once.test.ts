import { describe, expect, test } from "bun:test";
import { CacheUnavailableError } from "../cache/cache.ts";
import { createMemoryCache } from "../cache/memory.ts";
import { onceConformance } from "./conformance.ts";
import { createOnce, onceWaitMs, runLeaseMs } from "./once.ts";

for (const mode of ["local", "distributed"] as const) {
  onceConformance(mode, async () => {
    const clock = { storeMs: 0, waitMs: 0 };
    const cache = createMemoryCache({ clock: () => clock.storeMs });
    const deps = { cache, clock: () => clock.waitMs };
    const one = createOnce(deps);
    return {
      one,
      two: mode === "local" ? one : createOnce(deps),
      advance: async (ms) => {
        clock.storeMs += ms;
      },
      expireWaits() {
        clock.waitMs += onceWaitMs;
      },
      dispose: async () => cache[Symbol.asyncDispose](),
    };
  });
}

describe("once", () => {
  const away = async (): Promise<never> => {
    throw new CacheUnavailableError("away");
  };
  const failure = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  test("60 §9: when the store is away a critical operation throws, another runs", async () => {
    const once = createOnce({ cache: { setNX: away, get: away, eval: away } });
    let runs = 0;
    const fn = async () => {
      runs += 1;
      return runs;
    };
    expect(await failure(once.execute("a", { ttlMs: 1000, onStoreError: "throw" }, fn))).toBeInstanceOf(
      CacheUnavailableError,
    );
    expect(await once.execute("a", { ttlMs: 1000 }, fn)).toBe(1);
  });

  test("an operation that was done is answered although its mark could not be settled", async () => {
    const cache = createMemoryCache();
    const once = createOnce({ cache: { setNX: cache.setNX, get: cache.get, eval: away } });
    expect(await once.execute("a", { ttlMs: 1000, onStoreError: "throw" }, async () => 1)).toBe(1);
  });

  test("the mark of a process that died is given up after its lease", async () => {
    let nowMs = 0;
    const cache = createMemoryCache({ clock: () => nowMs });
    const dead = createOnce({ cache });
    const hanging = dead.do("a", { ttlMs: 1000 }, () => new Promise(() => {}));
    nowMs = runLeaseMs;
    expect(await createOnce({ cache }).do("a", { ttlMs: 1000 }, async () => {})).toBe(true);
    expect(hanging).toBeInstanceOf(Promise);
  });

  test("mode local needs no store", async () => {
    const once = createOnce();
    expect(await once.do("a", { ttlMs: 1000 }, async () => {})).toBe(true);
    expect(await once.do("a", { ttlMs: 1000 }, async () => {})).toBe(false);
  });
});
