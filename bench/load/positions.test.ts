import { describe, expect, test } from "bun:test";
import { rowBatch } from "./dialect.ts";
import { createPositions } from "./positions.ts";

const batch = (...seqs: number[]) =>
  rowBatch(
    "world",
    seqs.map((seq) => ({ seq, id: `m${seq}`, content: "" })),
  );

describe("G1 acked = kept", () => {
  test("rows in order leave nothing lost", () => {
    const positions = createPositions(2);
    positions.start(1, 10);
    positions.take(1, batch(11, 12));
    positions.take(1, batch(13));
    expect(positions.lost(1, 13)).toBe(0);
    expect(positions.position(1)).toBe(13);
  });

  test("a hole is lost until a late row or a marker fills it", () => {
    const positions = createPositions(1);
    positions.take(0, batch(1, 2));
    positions.take(0, batch(6));
    expect(positions.lost(0, 6)).toBe(3);
    positions.take(0, batch(4));
    positions.missed(0, 3, 3);
    expect([positions.lost(0, 6), positions.late, positions.missedRows]).toEqual([1, 2, 1]);
  });

  test("what never came at the end is lost", () => {
    const positions = createPositions(1);
    positions.take(0, batch(1));
    expect(positions.lost(0, 4)).toBe(3);
  });
});

test("G2 one order: a repeat is dropped by seq, and counted", () => {
  const positions = createPositions(1);
  positions.take(0, batch(1, 2, 3));
  positions.take(0, batch(2, 3, 4));
  expect([positions.repeats, positions.position(0), positions.lost(0, 4)]).toEqual([2, 4, 0]);
});
