import { expect, test } from "bun:test";
import { meetsTarget, targetRows } from "./target-rows.ts";
import { targetTable, verdict } from "./targets.ts";

const rowOf = (name: string) => {
  const row = targetRows.find((one) => one.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row;
};
const clean = { lost: 0, duplicated: 0, reordered: 0 };
const ratio = (ratioToReference: number) => ({ ...clean, ratioToReference, serverCpuUsPerDelivery: 9 });

test("a figure within its target counts only when the run was faithful", () => {
  const row = rowOf("world-text");
  expect(meetsTarget(row, ratio(1.15))).toBe(true);
  expect(meetsTarget(row, ratio(1.16))).toBe(false);
  expect(meetsTarget(row, { ...ratio(1), lost: 1 })).toBe(false);
  // A run without a reference has no ratio, and one without a checker no faults: neither is a proof.
  expect(meetsTarget(row, clean)).toBe(false);
  expect(meetsTarget(row, { ratioToReference: 1 })).toBe(false);
});

test("the shaped room may meet its target either way, but never late", () => {
  const row = rowOf("world-shaped");
  const run = (us: number, ratioToReference: number, p99: number) =>
    meetsTarget(row, { ...clean, serverCpuUsPerDelivery: us, ratioToReference, latencyMs: { p99 } });
  expect([run(0.9, 2, 100), run(3, 0.45, 100), run(3, 0.5, 50), run(0.5, 0.3, 101)]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("most runs decide; a row without a result is not met", () => {
  const row = rowOf("world-text");
  expect(verdict(row, [ratio(1), ratio(2), ratio(1.1)])).toBe("met");
  expect(verdict(row, [ratio(1), ratio(2)])).toBe("not met");
  expect(verdict(row, [])).toBe("no result");
  const table = targetTable([{ row, results: [] }]);
  expect(table.split("\n").at(-1)).toContain("| no result |");
});

test("rows have names of their own and commands that the bench knows", () => {
  expect(new Set(targetRows.map(({ name }) => name)).size).toBe(targetRows.length);
  for (const { words } of targetRows) expect(["world", "send", "idle", "storm"]).toContain(String(words[0]));
});
