import { expect, test } from "bun:test";
import { niceTicks } from "./chart.ts";
import { compare, compareText, factsOf } from "./facts.ts";
import { beginMark, endMark, placed, resultTable } from "./join.ts";
import { reportPage } from "./page.ts";

const result = {
  scenario: "send",
  command: "./gochat bench send --closed 5 --json a.json",
  startedAt: "2026-01-01T00:00:00Z",
  storedPerSecond: 8000,
  ackMs: { p50: 3, p99: 20 },
  lost: 0,
  duplicated: 0,
  reordered: 0,
  violations: [],
  versions: { gochat: "1" },
  machine: { cores: 2 },
  unit: "messages",
  points: [
    { s: 0.5, perSecond: 8000, p99Ms: 20, cpuUsPerUnit: 90, rssMiB: 100 },
    { s: 1, perSecond: 8100, p99Ms: 21, cpuUsPerUnit: 91, rssMiB: 101 },
  ],
  curves: {
    "<ack>": [
      [0, 1],
      [50, 3],
      [99, 20],
    ],
  },
};

test("facts are read by path, and what is not there is left out", () => {
  expect(factsOf(result).map(({ path }) => path)).toEqual([
    "storedPerSecond",
    "ackMs.p50",
    "ackMs.p99",
    "lost",
    "duplicated",
    "reordered",
  ]);
});

test("a peer's figures stand beside GoChat's", () => {
  const peers = { centrifugo: { serverCpuUsPerDelivery: 15, latencyMs: { p99: 40 }, lost: 0 } };
  const names = factsOf({ ...result, peers }).map(({ label }) => label);
  expect(names.filter((name) => name.startsWith("Centrifugo"))).toHaveLength(3);
});

test("a baseline tells better from worse, beyond noise", () => {
  const before = { ...result, storedPerSecond: 6000, ackMs: { p50: 3.1, p99: 10 } };
  const changes = compare(result, before);
  const of = (path: string) => changes.find(({ fact }) => fact.path === path)?.verdict;
  expect([of("storedPerSecond"), of("ackMs.p50"), of("ackMs.p99"), of("lost")]).toEqual([
    "better",
    "same",
    "worse",
    "same",
  ]);
  expect(compareText(changes)).toContain("worse   ack, p99");
  expect(compareText(compare(result, result))).toContain("nothing moved");
});

test("the page is one file that loads nothing, with its texts escaped", () => {
  const page = reportPage("Bench", [{ result, baseline: result }]);
  expect(page.match(/<script|src=|href=|@import|url\(/)).toBeNull();
  expect(page).toContain("&lt;ack&gt;");
  expect(page.match(/<svg/g)).toHaveLength(4);
  expect(page.match(/NaN|undefined|Infinity/)).toBeNull();
});

test("runs of one command share a row; the table goes between its marks, again and again", () => {
  const table = resultTable([result, { ...result, storedPerSecond: 9000 }]);
  expect(table).toContain("| `bench send --closed 5` | stored and acked 8,000 / 9,000 /s;");
  const once = placed("# Doc\n\nbefore\n", table);
  expect(once).toContain("before\n\n");
  expect(placed(`${once}after\n`, "| new |")).toBe(`# Doc\n\nbefore\n\n${beginMark}\n| new |\n${endMark}\nafter\n`);
});

test("ticks are round", () => {
  expect(niceTicks(0, 9, 5)).toEqual([0, 2, 4, 6, 8]);
  expect(niceTicks(3, 3, 5)).toEqual([3]);
});
