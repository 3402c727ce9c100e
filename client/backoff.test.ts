import { expect, test } from "bun:test";
import { delayOf, reconnectStepsMs, resendStepsMs } from "./backoff.ts";
import { uuidv7 } from "./ids.ts";

test("reconnect waits 1, 2, 4, 8, 15, 30 s, then 30 s (spec 20 §7)", () => {
  const delays = Array.from({ length: 8 }, (_, attempt) => delayOf(reconnectStepsMs, attempt, () => 0.5));
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 30_000, 30_000]);
});

test("jitter is ± 20 %", () => {
  expect(delayOf(resendStepsMs, 0, () => 0)).toBe(800);
  expect(delayOf(resendStepsMs, 0, () => 0.999999)).toBe(1_200);
});

test("a client id is a UUID version 7 that sorts by time and fits 64 characters", () => {
  const early = uuidv7(1_700_000_000_000);
  expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuidv7(1_700_000_000_001) > early).toBe(true);
  expect(uuidv7(1_700_000_000_000)).not.toBe(early);
});
