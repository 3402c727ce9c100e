import { expect, test } from "bun:test";
import { type Batcher, type BatcherOptions, createBatcher } from "./batcher.ts";

const roomy: BatcherOptions = { messagesMax: 500, bytesMax: 512 * 1024, waitingMax: 1000, waitingBytesMax: 4 << 20 };

/** A batcher whose flushes end when the test says so. */
function gated(options: Partial<BatcherOptions> = {}) {
  const batches: number[][] = [];
  const gates: { open: () => void }[] = [];
  let inFlight = 0;
  let inFlightMax = 0;
  const batcher: Batcher<number, string> = createBatcher<number, string>(
    { ...roomy, ...options },
    {
      refuse: (reason) => new Error(reason),
      async flush(items) {
        batches.push([...items]);
        inFlight += 1;
        inFlightMax = Math.max(inFlightMax, inFlight);
        await new Promise<void>((resolve) => gates.push({ open: resolve }));
        inFlight -= 1;
        return items.map((item) => (item < 0 ? new Error(`refused ${item}`) : `ok ${item}`));
      },
    },
  );
  async function openNext(): Promise<void> {
    while (gates.length === 0) await Promise.resolve();
    gates.shift()?.open();
  }
  return { batcher, batches, openNext, inFlightMax: () => inFlightMax };
}

test("calls made together share a batch, and what arrives during a flush is the next one (DESIGN §2)", async () => {
  const { batcher, batches, openNext, inFlightMax } = gated();
  const first = [batcher.add(1, 10), batcher.add(2, 10)];
  while (batches.length === 0) await Promise.resolve();
  const second = [batcher.add(3, 10), batcher.add(4, 10), batcher.add(5, 10)];
  expect(batcher.waiting()).toEqual({ items: 3, bytes: 30 });
  await openNext();
  expect(await Promise.all(first)).toEqual(["ok 1", "ok 2"]);
  await openNext();
  expect(await Promise.all(second)).toEqual(["ok 3", "ok 4", "ok 5"]);
  expect(batches).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  expect(inFlightMax()).toBe(1);
  expect(batcher.waiting()).toEqual({ items: 0, bytes: 0 });
});

test("a batch ends at its bound in count and at its bound in bytes", async () => {
  const { batcher, batches, openNext } = gated({ messagesMax: 3, bytesMax: 100 });
  const all = [batcher.add(1, 40), batcher.add(2, 40), batcher.add(3, 40), batcher.add(4, 500)];
  for (const item of [5, 6, 7, 8]) all.push(batcher.add(item, 1));
  for (let index = 0; index < 5; index += 1) await openNext();
  await Promise.all(all);
  expect(batches).toEqual([[1, 2], [3], [4], [5, 6, 7], [8]]);
});

test("a full waiting room refuses in count and in bytes, and takes nothing (G4)", async () => {
  const { batcher, openNext } = gated({ waitingMax: 2, waitingBytesMax: 100 });
  const all = Promise.allSettled([batcher.add(1, 60), batcher.add(2, 41), batcher.add(3, 40), batcher.add(4, 0)]);
  await openNext();
  const outcomes = (await all).map((result) => (result.status === "fulfilled" ? result.value : String(result.reason)));
  expect(outcomes).toEqual(["ok 1", "Error: full", "ok 3", "Error: full"]);
});

test("an error in the place of a result rejects that item alone", async () => {
  const { batcher, openNext } = gated();
  const settled = Promise.allSettled([batcher.add(1, 1), batcher.add(-2, 1), batcher.add(3, 1)]);
  await openNext();
  expect((await settled).map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("a flush that throws rejects its items, and the next batch goes on", async () => {
  let calls = 0;
  const batcher = createBatcher<number, number>(roomy, {
    refuse: (reason) => new Error(reason),
    flush(items) {
      calls += 1;
      return calls === 1 ? Promise.reject(new Error("away")) : Promise.resolve(items);
    },
  });
  const [first] = await Promise.allSettled([batcher.add(1, 1)]);
  expect(first.status === "rejected" && String(first.reason)).toBe("Error: away");
  expect(await batcher.add(2, 1)).toBe(2);
});

test("close answers what was taken and refuses what comes later (G8)", async () => {
  const { batcher, openNext } = gated();
  const taken = batcher.add(1, 1);
  const closing = batcher.close();
  const refused = Promise.allSettled([batcher.add(2, 1)]);
  await openNext();
  expect((await refused)[0]?.status).toBe("rejected");
  expect(await taken).toBe("ok 1");
  await closing;
});
