import { expect, test } from "bun:test";
import { BulkheadFullError, createBulkhead } from "./bulkhead.ts";

/** What the promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

test("G4: at most runningMax run, waitingMax wait in order, and the next is refused", async () => {
  const bulkhead = createBulkhead({ runningMax: 2, waitingMax: 2 });
  const started: number[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const all = gates.map((gate, n) =>
    bulkhead.run(async () => {
      started.push(n);
      await gate.promise;
      return n;
    }),
  );
  expect(bulkhead.load()).toEqual({ running: 2, waiting: 2 });
  expect(await failure(bulkhead.run(async () => 4))).toBeInstanceOf(BulkheadFullError);
  expect(started).toEqual([0, 1]);
  gates[1]?.resolve();
  expect(await all[1]).toBe(1);
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
  expect(bulkhead.load()).toEqual({ running: 0, waiting: 0 });
});

test("work that fails gives its slot back", async () => {
  const bulkhead = createBulkhead({ runningMax: 1, waitingMax: 0 });
  expect(String(await failure(bulkhead.run(() => Promise.reject(new Error("no")))))).toContain("no");
  expect(await bulkhead.run(async () => "yes")).toBe("yes");
});
