import { expect, test } from "bun:test";
import { createWorldPace } from "./world-pace.ts";

const world = { conversationId: "world" };
const many = (count: number) => Array.from({ length: count }, () => world);

/** The rests of `batches` batches that come every `everyMs`. */
function restsOf(batches: number, everyMs: number, sends: number): number[] {
  let nowMs = 0;
  const pace = createWorldPace(() => nowMs);
  return Array.from({ length: batches }, () => {
    nowMs += everyMs;
    return pace.restMs(many(sends));
  });
}

test("up to 100 sends a second no batch of the world rests, nor after a burst", () => {
  expect(new Set(restsOf(1000, 10.5, 1))).toEqual(new Set([0]));
  expect(new Set(restsOf(3, 5000, 90))).toEqual(new Set([0]));
});

test("a busy world rests longer the busier it is, at most 20 ms", () => {
  expect(restsOf(1000, 5, 1).at(-1)).toBe(8);
  expect(restsOf(400, 10, 5).at(-1)).toBe(20);
  expect(restsOf(400, 10, 50).at(-1)).toBe(20);
});

test("a batch with sends of other conversations never rests, and does not count", () => {
  const pace = createWorldPace(() => 0);
  const mixed = [...many(99), { conversationId: "group_1" }];
  for (let at = 0; at < 5; at += 1) expect(pace.restMs(mixed)).toBe(0);
  expect(pace.restMs(many(100))).toBe(0);
  expect(pace.restMs([world])).toBe(4);
});

test("a clock that goes back makes nothing of it", () => {
  let nowMs = 5000;
  const pace = createWorldPace(() => nowMs);
  pace.restMs(many(100));
  nowMs = 0;
  expect(pace.restMs([world])).toBe(4);
  nowMs = 10_000;
  expect(pace.restMs([world])).toBe(0);
});
