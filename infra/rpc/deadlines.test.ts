import { expect, test } from "bun:test";
import { createDeadlines } from "./deadlines.ts";

const stopped = (deadlines: ReturnType<typeof createDeadlines>, timeoutMs: number) =>
  new Promise<number>((resolve) => deadlines.add(timeoutMs, () => resolve(performance.now())));

test("each call is stopped at its own time, whatever the order of the calls", async () => {
  const deadlines = createDeadlines();
  const beganMs = performance.now();
  const order: number[] = [];
  await Promise.all(
    [30, 5, 15].map(async (timeoutMs) => {
      const atMs = await stopped(deadlines, timeoutMs);
      order.push(timeoutMs);
      expect(atMs - beganMs).toBeGreaterThanOrEqual(timeoutMs - 1);
    }),
  );
  expect(order).toEqual([5, 15, 30]);
});

test("a call that has ended is not stopped, and the others behind the same timer are", async () => {
  const deadlines = createDeadlines();
  let wrong = 0;
  deadlines.remove(deadlines.add(1, () => (wrong += 1)));
  await stopped(deadlines, 5);
  expect(wrong).toBe(0);
  await stopped(deadlines, 1);
});
