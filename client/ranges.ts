/** Both ends inclusive, `from` ≤ `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A set of integers as disjoint ascending ranges; touching ranges are one. */
export interface RangeSet {
  add(from: number, to: number): void;
  remove(from: number, to: number): void;
  has(value: number): boolean;
  /** The range that holds `value`. */
  around(value: number): Range | undefined;
  /** What is missing between `from` and `to`, ascending. */
  gaps(from: number, to: number): Range[];
  readonly size: number;
}

export function createRangeSet(): RangeSet {
  const ranges: Range[] = [];

  /** Index of the first range whose end is ≥ `value`. */
  const firstEndingAt = (value: number): number => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const range = ranges[middle];
      if (range !== undefined && range.to < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const around = (value: number): Range | undefined => {
    const range = ranges[firstEndingAt(value)];
    return range !== undefined && range.from <= value ? range : undefined;
  };

  return {
    get size() {
      return ranges.length;
    },
    add: (from, to) => {
      if (to < from) return;
      // Ranges that touch (end at from - 1, start at to + 1) join.
      const start = firstEndingAt(from - 1);
      let end = start;
      let low = from;
      let high = to;
      for (let range = ranges[end]; range !== undefined && range.from <= to + 1; range = ranges[++end]) {
        low = Math.min(low, range.from);
        high = Math.max(high, range.to);
      }
      ranges.splice(start, end - start, { from: low, to: high });
    },
    remove: (from, to) => {
      if (to < from) return;
      const start = firstEndingAt(from);
      const kept: Range[] = [];
      let end = start;
      for (let range = ranges[end]; range !== undefined && range.from <= to; range = ranges[++end]) {
        if (range.from < from) kept.push({ from: range.from, to: from - 1 });
        if (range.to > to) kept.push({ from: to + 1, to: range.to });
      }
      ranges.splice(start, end - start, ...kept);
    },
    has: (value) => around(value) !== undefined,
    around,
    gaps: (from, to) => {
      const found: Range[] = [];
      let next = from;
      for (let i = firstEndingAt(from); next <= to; i++) {
        const range = ranges[i];
        if (range === undefined || range.from > to) break;
        if (range.from > next) found.push({ from: next, to: range.from - 1 });
        next = range.to + 1;
      }
      if (next <= to) found.push({ from: next, to });
      return found;
    },
  };
}
