import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  ClockBackError,
  clockBackWaitMs,
  createIds,
  epochMs,
  idsPerMs,
  isUuid,
  LeaseStaleError,
  leaseFreshMs,
  parseSnowflake,
  snowflakeAt,
  testWorkerLease,
  uuidv7,
} from "./uid.ts";

const startMs = epochMs + 1_000_000;
const worker = (number: number, clock: () => number) => testWorkerLease(number, clock);

test("40 §1: 41 bits of ms since the epoch, 10 of worker, 12 of sequence, 63 in all", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 41 - 1 }), fc.integer({ min: 0, max: 1023 }), (ms, number) => {
      const clock = () => epochMs + ms;
      const id = createIds({ worker: worker(number, clock), clock }).snowflake();
      expect(id >= 0n && id < 2n ** 63n).toBe(true);
      expect(id).toBe((BigInt(ms) << 22n) | (BigInt(number) << 12n));
      expect(parseSnowflake(id)).toEqual({ timestampMs: epochMs + ms, worker: number, sequence: 0 });
      expect(snowflakeAt(epochMs + ms)).toBeLessThanOrEqual(id);
    }),
  );
});

test("40 §1: ids only grow, whatever the clock does, or none is made", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 300 }), (steps) => {
      let at = 0;
      let nowMs = startMs;
      // Every reading moves the clock by the next step, and by 1 ms once they are used up.
      const clock = (): number => {
        nowMs += steps[at] ?? 1;
        at += 1;
        return nowMs;
      };
      const ids = createIds({
        worker: { number: 1, lastConfirmedMs: () => startMs - 5000, release: async () => {} },
        clock,
      });
      let last = 0n;
      for (let made = 0; made < 50; made += 1) {
        try {
          const id = ids.snowflake();
          expect(id).toBeGreaterThan(last);
          last = id;
        } catch (error) {
          expect(error).toBeInstanceOf(ClockBackError);
        }
      }
    }),
  );
});

test("40 §1: 4096 ids per ms; the next one waits for the next ms", () => {
  let readings = 0;
  let nowMs = startMs;
  const clock = (): number => {
    readings += 1;
    if (readings > idsPerMs + 100) nowMs = startMs + 1;
    return nowMs;
  };
  const ids = createIds({ worker: { number: 1, lastConfirmedMs: () => startMs, release: async () => {} }, clock });
  const made = Array.from({ length: idsPerMs + 1 }, () => ids.snowflake());
  expect(new Set(made).size).toBe(idsPerMs + 1);
  expect(parseSnowflake(made[idsPerMs - 1] ?? 0n)).toMatchObject({ timestampMs: startMs, sequence: idsPerMs - 1 });
  expect(parseSnowflake(made[idsPerMs] ?? 0n)).toMatchObject({ timestampMs: startMs + 1, sequence: 0 });
});

test("40 §1: a lease confirmed more than 20 s ago, or in the future, makes no id", () => {
  let nowMs = startMs;
  let confirmedMs = startMs;
  const ids = createIds({
    worker: { number: 1, lastConfirmedMs: () => confirmedMs, release: async () => {} },
    clock: () => nowMs,
  });
  nowMs = startMs + leaseFreshMs;
  expect(ids.snowflake()).toBeGreaterThan(0n);
  nowMs += 1;
  expect(() => ids.snowflake()).toThrow(LeaseStaleError);
  confirmedMs = nowMs + clockBackWaitMs + 1;
  expect(() => ids.snowflake()).toThrow(LeaseStaleError);
  confirmedMs = Number.NEGATIVE_INFINITY;
  expect(() => ids.snowflake()).toThrow(LeaseStaleError);
  confirmedMs = nowMs;
  expect(ids.snowflake()).toBeGreaterThan(0n);
});

test("40 §1: a clock that goes back by 5 ms is waited for; by more it is an error until it has passed the last id", () => {
  let nowMs = startMs;
  let forward = 0;
  const clock = (): number => {
    nowMs += forward;
    return nowMs;
  };
  const ids = createIds({
    worker: { number: 1, lastConfirmedMs: () => startMs - 100, release: async () => {} },
    clock,
  });
  const first = ids.snowflake();
  nowMs = startMs - clockBackWaitMs - 1;
  expect(() => ids.snowflake()).toThrow(ClockBackError);
  nowMs = startMs - clockBackWaitMs;
  forward = 1;
  expect(ids.snowflake()).toBeGreaterThan(first);
});

test("a clock that stands still ends the wait with an error", () => {
  const ids = createIds({ worker: worker(1, () => startMs), clock: () => startMs });
  for (let made = 0; made < idsPerMs; made += 1) ids.snowflake();
  expect(() => ids.snowflake()).toThrow(ClockBackError);
});

test("two workers never make the same id", () => {
  const clock = () => startMs;
  const [one, two] = [createIds({ worker: worker(1, clock), clock }), createIds({ worker: worker(2, clock), clock })];
  const made = Array.from({ length: 2000 }, (_, at) => (at % 2 === 0 ? one : two).snowflake());
  expect(new Set(made).size).toBe(2000);
});

test("worker numbers are 0…1023", () => {
  for (const number of [-1, 1024, 1.5, Number.NaN]) expect(() => testWorkerLease(number)).toThrow(RangeError);
});

test("UUID v7 are ordered by time and recognised; other texts are not", () => {
  const made = Array.from({ length: 100 }, uuidv7);
  expect(made.every(isUuid)).toBe(true);
  expect(made.toSorted()).toEqual(made);
  for (const text of [
    "",
    "x",
    `${made[0]}0`,
    "00000000-0000-0000-0000-000000000000",
    made[0]?.replaceAll("-", "") ?? "",
  ])
    expect(isUuid(text)).toBe(false);
});
