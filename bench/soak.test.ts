import { expect, test } from "bun:test";
import type { Point } from "./result.ts";
import { memoryOf } from "./soak.ts";

const minutes = 30;
const points = (rssMiB: (s: number) => number | null): Point[] =>
  Array.from({ length: minutes * 60 }, (_, s) => ({ s, perSecond: 1, p99Ms: 1, cpuUsPerUnit: 1, rssMiB: rssMiB(s) }));

test("what the collector gives and takes is no growth", () => {
  const saw = points((s) => 300 + (s % 37) * 2);
  expect(Math.abs(memoryOf(saw, minutes * 60).rssGrowthPercent ?? 100)).toBeLessThan(1);
});

test("the first five minutes do not count, a leak after them does", () => {
  const warm = points((s) => Math.min(s, 300));
  expect(memoryOf(warm, minutes * 60)).toEqual({ rssMiBStart: 300, rssMiBEnd: 300, rssGrowthPercent: 0 });
  const leak = points((s) => (s < 300 ? 0 : 300 + (s - 300) / 50));
  expect(memoryOf(leak, minutes * 60)).toEqual({ rssMiBStart: 300, rssMiBEnd: 330, rssGrowthPercent: 10 });
});

test("memory that nobody could read is unknown", () => {
  expect(
    memoryOf(
      points(() => null),
      600,
    ).rssGrowthPercent,
  ).toBeNull();
});
