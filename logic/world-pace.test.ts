import { expect, test } from "bun:test";
import { createWorldPace } from "./world-pace.ts";

const world = { conversationId: "world" };

test("below the rate no batch of the world rests, however it is spread", () => {
  let nowMs = 0;
  const pace = createWorldPace({ perSecond: 100, saved: 8 }, () => nowMs);
  for (let at = 0; at < 1000; at += 1) {
    if (at % 8 === 0) nowMs += 100;
    expect(pace.restMs([world])).toBe(0);
  }
});

test("above it, commits come at the rate: each rest is what is missing", () => {
  let nowMs = 0;
  const pace = createWorldPace({ perSecond: 100, saved: 2 }, () => nowMs);
  const rests: number[] = [];
  for (let at = 0; at < 5; at += 1) {
    nowMs += 2;
    const rest = pace.restMs([world]);
    rests.push(rest);
    nowMs += rest;
  }
  expect(rests).toEqual([0, 0, 6, 8, 8]);
  nowMs += 1000;
  expect(pace.restMs([world])).toBe(0);
});

test("a batch with sends of other conversations never rests, and costs nothing", () => {
  const pace = createWorldPace({ perSecond: 100, saved: 1 }, () => 0);
  for (let at = 0; at < 5; at += 1) expect(pace.restMs([world, { conversationId: "group_1" }])).toBe(0);
  expect(pace.restMs([world])).toBe(0);
  expect(pace.restMs([world])).toBe(10);
});
