import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatBytes, formatDuration, parseBytes, parseDuration } from "./units.ts";

test("bytes: what is formatted is read back, for every whole number", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (value) => expect(parseBytes(formatBytes(value))).toBe(value)));
});

test("durations: what is formatted is read back, for every whole number of ms", () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 12 }), (value) => expect(parseDuration(formatDuration(value))).toBe(value)),
  );
});

test("durations: parts add up", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.nat(1000), (hours, minutes, ms) =>
      expect(parseDuration(`${hours}h${minutes}m${ms}ms`)).toBe(hours * 3_600_000 + minutes * 60_000 + ms),
    ),
  );
});

test("durations: tenths of a second are whole milliseconds", () => {
  fc.assert(fc.property(fc.nat(100_000), (tenths) => expect(parseDuration(`${tenths / 10}s`)).toBe(tenths * 100)));
});

test("any text either fails or gives a whole number that is not negative", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-0-9.]{1,6} ?[a-zA-Z]{0,3}$/)), (text) => {
      for (const value of [parseBytes(text), parseDuration(text)])
        expect(value === undefined || (Number.isSafeInteger(value) && value >= 0)).toBe(true);
    }),
  );
});

test.each([
  ["64KiB", 65_536],
  ["1.5 MiB", 1_572_864],
  ["10MB", 10_000_000],
  ["12", 12],
  [12, 12],
  ["-1KiB", undefined],
  ["64kib", undefined],
  ["0.3B", undefined],
  ["", undefined],
  [true, undefined],
])("bytes: %p is %p", (raw, value) => expect(parseBytes(raw)).toBe(value));

test.each([
  ["30s", 30_000],
  ["1h30m", 5_400_000],
  ["100ms", 100],
  ["30d", 2_592_000_000],
  ["0", 0],
  [0, 0],
  ["5", undefined],
  [5, undefined],
  ["0.1ms", undefined],
  ["s", undefined],
])("durations: %p is %p", (raw, value) => expect(parseDuration(raw)).toBe(value));
