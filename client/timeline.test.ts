import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createRangeSet } from "./ranges.ts";
import { type CompletePage, createTimeline, type SeqRow } from "./timeline.ts";

const row = (seqId: number): SeqRow => ({ seqId });
const page = (from: number, to: number, latest?: number): CompletePage<SeqRow> => ({
  rows: Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => row(from + i)),
  completeFrom: from,
  completeTo: to,
  ...(latest === undefined ? {} : { latest }),
});
const seqs = (rows: readonly SeqRow[]): number[] => rows.map((r) => r.seqId);

describe("client rule table (spec 20 §6)", () => {
  test("a row without a base is kept and asks for a sync", () => {
    const timeline = createTimeline();
    expect(timeline.push(row(7))).toBe("no-base");
    expect(timeline.mark()).toBeUndefined();
    timeline.addPage(page(4, 6));
    expect(timeline.mark()).toBe(7);
    expect(seqs(timeline.rows())).toEqual([4, 5, 6, 7]);
  });

  test("a row at or below the mark, or present above it, is a duplicate", () => {
    const timeline = createTimeline();
    timeline.addPage(page(1, 5));
    expect(timeline.push(row(5))).toBe("duplicate");
    expect(timeline.push(row(8))).toBe("beyond");
    expect(timeline.push(row(8))).toBe("duplicate");
  });

  test("the next row is appended, a row beyond it opens a hole, a row in the hole fills it", () => {
    const timeline = createTimeline();
    timeline.addPage(page(1, 5));
    expect(timeline.push(row(6))).toBe("appended");
    expect(timeline.push(row(9))).toBe("beyond");
    expect(timeline.holes()).toEqual([{ from: 7, to: 8 }]);
    expect(timeline.push(row(7))).toBe("filled");
    expect(timeline.mark()).toBe(7);
    expect(timeline.push(row(8))).toBe("filled");
    expect(timeline.mark()).toBe(9);
    expect(timeline.holes()).toEqual([]);
  });

  test("a hole is closed by a complete range, even when rows in it cannot be seen", () => {
    const timeline = createTimeline();
    timeline.addPage(page(1, 5));
    timeline.push(row(9));
    timeline.addPage({ rows: [row(8)], completeFrom: 6, completeTo: 8 });
    expect(timeline.mark()).toBe(9);
  });

  test("rows of a page without a complete range close only themselves", () => {
    const timeline = createTimeline();
    timeline.addPage(page(1, 5));
    timeline.push(row(9));
    timeline.addPage({ rows: [row(6), row(8)], completeFrom: 1, completeTo: 0 });
    expect(timeline.holes()).toEqual([{ from: 7, to: 7 }]);
  });

  test("missed opens a hole above the newest", () => {
    const timeline = createTimeline();
    timeline.addPage(page(1, 5));
    timeline.announce(8);
    expect(timeline.holes()).toEqual([{ from: 6, to: 8 }]);
    expect(timeline.mark()).toBe(5);
    expect(timeline.push(row(9))).toBe("appended");
  });

  test("after a restart everything above the saved mark is missing until it is fetched", () => {
    const timeline = createTimeline({ savedMark: 20 });
    expect(timeline.mark()).toBe(20);
    expect(timeline.push(row(20))).toBe("duplicate");
    timeline.announce(25);
    expect(timeline.holes()).toEqual([{ from: 21, to: 25 }]);
    timeline.addPage(page(21, 25));
    expect(timeline.mark()).toBe(25);
  });

  test("an empty conversation has the base 1", () => {
    const timeline = createTimeline();
    timeline.addPage({ rows: [], completeFrom: 1, completeTo: 0, latest: 0 });
    expect(timeline.mark()).toBe(0);
    expect(timeline.push(row(1))).toBe("appended");
    expect(timeline.mark()).toBe(1);
  });
});

describe("history above and below", () => {
  test("an older page lowers the floor, not the mark", () => {
    const timeline = createTimeline();
    timeline.addPage(page(51, 100));
    timeline.addPage(page(21, 50));
    expect(timeline.floor()).toBe(21);
    expect(timeline.mark()).toBe(100);
  });

  test("rows are bounded: at the newest the oldest go, while reading old ones the newest become a hole", () => {
    const timeline = createTimeline({ rowsMax: 100 });
    timeline.addPage(page(101, 200));
    timeline.push(row(201));
    expect(timeline.rows().length).toBeLessThanOrEqual(100);
    expect(timeline.rows().at(-1)?.seqId).toBe(201);
    expect(timeline.mark()).toBe(201);
    const floor = timeline.floor() ?? 0;
    timeline.readAt(floor);
    timeline.addPage(page(floor - 50, floor - 1));
    expect(timeline.rows()[0]?.seqId).toBe(floor - 50);
    expect(timeline.rows().length).toBeLessThanOrEqual(100);
    expect(timeline.holes().at(-1)?.to).toBe(201);
  });

  test("with a saved mark no hole is given up: past the bound the newest go and come again", () => {
    const timeline = createTimeline({ rowsMax: 50, savedMark: 10 });
    for (let seq = 20; seq < 100; seq++) timeline.push(row(seq));
    expect(timeline.rows().length).toBeLessThanOrEqual(50);
    expect(timeline.mark()).toBe(10);
    expect(timeline.holes()[0]?.from).toBe(11);
    expect(timeline.holes().at(-1)?.to).toBeGreaterThan(90);
  });

  test("update changes a loaded row and gives a new array", () => {
    const timeline = createTimeline<SeqRow & { text: string }>();
    timeline.addPage({ rows: [{ seqId: 1, text: "a" }], completeFrom: 1, completeTo: 1 });
    const before = timeline.rows();
    timeline.update(1, (r) => ({ ...r, text: "b" }));
    expect(timeline.rows()[0]?.text).toBe("b");
    expect(before[0]?.text).toBe("a");
  });
});

type Step =
  | { kind: "push"; seq: number }
  | { kind: "page"; from: number; size: number }
  | { kind: "missed"; to: number };

describe("G2 one order", () => {
  const last = 60;
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), seq: fc.integer({ min: 1, max: last }) }),
    fc.record({
      kind: fc.constant("page" as const),
      from: fc.integer({ min: 1, max: last }),
      size: fc.integer({ min: 0, max: 20 }),
    }),
    fc.record({ kind: fc.constant("missed" as const), to: fc.integer({ min: 1, max: last }) }),
  );

  test("any order and repetition of pushes and pages converges to the contiguous history", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: last }), (steps, baseFrom) => {
        const timeline = createTimeline();
        const half = steps.length >> 1;
        steps.forEach((s, i) => {
          if (i === half) timeline.addPage(page(baseFrom, last, last));
          if (s.kind === "push") timeline.push(row(s.seq));
          else if (s.kind === "missed") timeline.announce(s.to);
          else timeline.addPage(page(s.from, Math.min(last, s.from + s.size - 1)));
          const shown = seqs(timeline.rows());
          expect(shown).toEqual([...new Set(shown)].sort((a, b) => a - b));
          const mark = timeline.mark();
          const floor = timeline.floor();
          if (mark === undefined || floor === undefined) return;
          // Contiguous means contiguous: every row from the floor to the mark is here, and the next one is not.
          expect(shown.filter((seq) => seq <= mark)).toEqual(
            Array.from({ length: Math.max(0, mark - floor + 1) }, (_, n) => floor + n),
          );
          expect(shown).not.toContain(mark + 1);
        });
        if (timeline.floor() === undefined) timeline.addPage(page(baseFrom, last, last));
        timeline.announce(last);
        for (const hole of timeline.holes()) timeline.addPage(page(hole.from, hole.to));
        const floor = timeline.floor() ?? 0;
        expect(timeline.mark()).toBe(last);
        expect(seqs(timeline.rows())).toEqual(Array.from({ length: last - floor + 1 }, (_, n) => floor + n));
      }),
      { numRuns: 500 },
    );
  });

  test("a range set is a set", () => {
    const change = fc.record({
      add: fc.boolean(),
      from: fc.integer({ min: 0, max: 40 }),
      size: fc.integer({ min: 0, max: 12 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const ranges = createRangeSet();
        const model = new Set<number>();
        for (const { add, from, size } of changes) {
          for (let i = from; i < from + size; i++) add ? model.add(i) : model.delete(i);
          if (add) ranges.add(from, from + size - 1);
          else ranges.remove(from, from + size - 1);
        }
        const missing = ranges
          .gaps(0, 60)
          .flatMap((gap) => Array.from({ length: gap.to - gap.from + 1 }, (_, n) => gap.from + n));
        expect(missing).toEqual(Array.from({ length: 61 }, (_, n) => n).filter((n) => !model.has(n)));
        for (let n = 0; n <= 60; n++) expect(ranges.has(n)).toBe(model.has(n));
        expect(ranges.size).toBe(
          Array.from({ length: 61 }, (_, n) => n).filter((n) => model.has(n) && !model.has(n - 1)).length,
        );
      }),
    );
  });
});
