import { expect, test } from "bun:test";
import { createBatcher } from "./batcher.ts";

function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

test("DESIGN §2: what one turn brings is one batch, what arrives during a flush is the next one", async () => {
  const batches: number[][] = [];
  const first = gate();
  const batcher = createBatcher<number>({
    batchMax: 100,
    waitingMax: 100,
    flush: async (items) => {
      batches.push(items);
      if (batches.length === 1) await first.opened;
    },
    failed: () => {},
  });
  batcher.push(1);
  await Promise.resolve();
  batcher.push(2);
  while (batches.length === 0) await new Promise(setImmediate);
  batcher.push(3);
  batcher.push(4);
  expect(batches).toEqual([[1, 2]]);
  first.open();
  await batcher.idle();
  expect(batches).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(batcher.waiting).toBe(0);
});

test("G4: items and bytes beyond the bound are refused, and count again when they left", async () => {
  const batcher = createBatcher<string>({
    batchMax: 1,
    waitingMax: 3,
    waitingBytesMax: 10,
    flush: async () => {},
    failed: () => {},
  });
  expect(batcher.push("a", 6)).toBe(true);
  expect(batcher.push("b", 5)).toBe(false);
  expect(batcher.push("c", 4)).toBe(true);
  expect(batcher.waitingBytes).toBe(10);
  await batcher.idle();
  expect(batcher.waitingBytes).toBe(0);
  for (let index = 0; index < 3; index += 1) expect(batcher.push("d", 1)).toBe(true);
  expect(batcher.push("e", 1)).toBe(false);
  await batcher.idle();
});

test("order is kept over batches, and a failed batch does not stop the next", async () => {
  const seen: number[] = [];
  const failed: number[] = [];
  const batcher = createBatcher<number>({
    batchMax: 2,
    waitingMax: 10,
    flush: async (items) => {
      if (items.includes(3)) throw new Error("away");
      seen.push(...items);
    },
    failed: (_error, items) => failed.push(...items),
  });
  for (const item of [1, 2, 3, 4, 5]) batcher.push(item);
  await batcher.idle();
  expect(seen).toEqual([1, 2, 5]);
  expect(failed).toEqual([3, 4]);
});
