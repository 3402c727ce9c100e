import { expect, test } from "bun:test";
import { paced, shuffled } from "./paced.ts";

test("G8: items are spread evenly over the time, in order, without a timer each", async () => {
  const seen: number[] = [];
  const perStep: number[] = [];
  await paced(
    Array.from({ length: 1000 }, (_, index) => index),
    1000,
    new AbortController().signal,
    (item) => seen.push(item),
    async () => {
      perStep.push(seen.length);
    },
  );
  expect(seen).toHaveLength(1000);
  expect(perStep).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900]);
});

test("no time to spread over: all at once; an aborted run stops", async () => {
  const seen: number[] = [];
  await paced([1, 2, 3], 0, new AbortController().signal, (item) => seen.push(item));
  expect(seen).toEqual([1, 2, 3]);
  await paced([4], 1000, AbortSignal.abort(), (item) => seen.push(item));
  expect(seen).toEqual([1, 2, 3]);
});

test("a shuffle keeps every item", () => {
  const items = Array.from({ length: 100 }, (_, index) => index);
  const order = shuffled(items);
  expect(order).not.toEqual(items);
  expect(order.toSorted((a, b) => a - b)).toEqual(items);
});
