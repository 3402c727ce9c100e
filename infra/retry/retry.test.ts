import { expect, test } from "bun:test";
import fc from "fast-check";
import { delayMs, type RetryPolicy, retry, sleepFor } from "./retry.ts";

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const policy: RetryPolicy = {
  attemptsMax: 4,
  backoff: { kind: "exponential", initialMs: 100, factor: 2, capMs: 300 },
  jitter: "none",
};

function setup() {
  const waits: number[] = [];
  return { waits, context: { sleep: async (ms: number) => void waits.push(ms) } };
}

test("60 §12: tries until it succeeds, waiting longer each time up to the cap", async () => {
  const { waits, context } = setup();
  const value = await retry(
    policy,
    async (attempt) => {
      if (attempt < 4) throw new Error("not yet");
      return attempt;
    },
    context,
  );
  expect(value).toBe(4);
  expect(waits).toEqual([100, 200, 300]);
});

test("60 §12: gives up after its attempts with the last error", async () => {
  const { waits, context } = setup();
  const error = await failure(
    retry(
      policy,
      async (attempt) => {
        throw new Error(`attempt ${attempt}`);
      },
      context,
    ),
  );
  expect(String(error)).toContain("attempt 4");
  expect(waits).toHaveLength(3);
});

test("60 §12: what is not retryable ends it at once", async () => {
  const { waits, context } = setup();
  const error = await failure(
    retry(
      { ...policy, isRetryable: (thrown) => !(thrown instanceof RangeError) },
      () => Promise.reject(new RangeError("no")),
      context,
    ),
  );
  expect(error).toBeInstanceOf(RangeError);
  expect(waits).toEqual([]);
});

test("60 §12: cancellation stops at once, before, within and after an attempt", async () => {
  const stop = new AbortController();
  let attempts = 0;
  const op = async () => {
    attempts += 1;
    throw new Error("broken");
  };
  const running = retry({ ...policy, backoff: { kind: "fixed", delayMs: 60_000 } }, op, { signal: stop.signal });
  await Promise.resolve();
  stop.abort(new Error("enough"));
  expect(String(await failure(running))).toContain("enough");
  expect(String(await failure(retry(policy, op, { signal: stop.signal })))).toContain("enough");
  expect(attempts).toBe(1);
});

test("60 §12: full jitter lies within 0…delay, proportional within ± 30 %, never beyond the cap's", () => {
  const backoff = { kind: "exponential", initialMs: 100, factor: 2, capMs: 1000 } as const;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const base = delayMs({ backoff, jitter: "none" }, attempt, () => random);
      expect(base).toBeLessThanOrEqual(1000);
      expect(delayMs({ backoff, jitter: "full" }, attempt, () => random)).toBeCloseTo(base * random, 6);
      const proportional = delayMs({ backoff, jitter: "proportional" }, attempt, () => random);
      expect(proportional >= base * 0.699 && proportional <= base * 1.301).toBe(true);
    }),
  );
});

test("attemptsMax must be a positive integer", async () => {
  expect(await failure(retry({ ...policy, attemptsMax: 0 }, async () => 1))).toBeInstanceOf(RangeError);
});

test("a sleep ends with its signal, and leaves no listener behind", async () => {
  await sleepFor(1);
  expect(String(await failure(sleepFor(60_000, AbortSignal.abort(new Error("enough")))))).toContain("enough");
});
