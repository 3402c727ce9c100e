import { expect, test } from "bun:test";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createOutboxDeletes } from "./outbox-deletes.ts";

/** Deletes whose calls end when the test says so; `restMs` is far beyond every test. */
function recorded(options: { idsMax?: number; waitingMax?: number } = {}) {
  const calls: string[][] = [];
  const ends: (() => void)[] = [];
  const deletes = createOutboxDeletes(
    { idsMax: 1000, waitingMax: 10_000, restMs: 3_600_000, ...options },
    {
      clog: silentLogger,
      metrics: createMetrics(),
      deleteOutbox: (ids) => {
        calls.push(ids);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
    },
  );
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { deletes, calls, settle, endNext: () => ends.shift()?.() };
}

test("deletes wait for a commit to ride with; what comes meanwhile goes with the next one", () => {
  const { deletes, calls } = recorded();
  deletes.add(["1"]);
  deletes.add(["2", "3"]);
  expect(deletes.take()).toEqual(["1", "2", "3"]);
  expect(deletes.take()).toEqual([]);
  deletes.add(["4"]);
  expect(deletes.take()).toEqual(["4"]);
  expect(calls).toEqual([]);
});

test("a commit takes no more than a call; what it did not delete is handed over again", async () => {
  const { deletes, calls, settle, endNext } = recorded({ idsMax: 3 });
  deletes.add(["1", "2"]);
  const taken = deletes.take();
  deletes.add(["3"]);
  deletes.add(taken);
  expect(calls).toEqual([["3", "1", "2"]]);
  deletes.add(["4", "5", "6", "7"]);
  expect(deletes.take()).toEqual(["4", "5", "6"]);
  expect(deletes.take()).toEqual(["7"]);
  endNext();
  await settle();
  expect(calls.length).toBe(1);
});

test("a full call does not wait, and no call is larger than its bound", () => {
  const { deletes, calls } = recorded({ idsMax: 2 });
  deletes.add(["1"]);
  deletes.add(["2", "3"]);
  expect(calls).toEqual([["1", "2"]]);
});

test("past the bound ids are left to the sweeper (G4)", () => {
  const { deletes, calls } = recorded({ waitingMax: 2 });
  deletes.add(["1", "2"]);
  deletes.add(["3"]);
  expect(deletes.take()).toEqual(["1", "2"]);
  expect(calls).toEqual([]);
});

test("drain deletes everything that was handed over", async () => {
  const { deletes, calls, settle, endNext } = recorded({ idsMax: 2 });
  deletes.add(["1", "2", "3"]);
  const drained = deletes.drain();
  endNext();
  await settle();
  endNext();
  await drained;
  expect(calls).toEqual([["1", "2"], ["3"]]);
});

test("a delete without a commit to ride with is sent after restMs", async () => {
  const sent = Promise.withResolvers<string[]>();
  const deletes = createOutboxDeletes(
    { idsMax: 10, waitingMax: 10, restMs: 1 },
    { clog: silentLogger, metrics: createMetrics(), deleteOutbox: async (ids) => sent.resolve(ids) },
  );
  deletes.add(["0"]);
  expect(deletes.take()).toEqual(["0"]);
  deletes.add(["1"]);
  expect(await sent.promise).toEqual(["1"]);
  await deletes.drain();
});

test("a failed delete is not repeated, and the next one goes on", async () => {
  let calls = 0;
  const deletes = createOutboxDeletes(
    { idsMax: 1, waitingMax: 10, restMs: 3_600_000 },
    {
      clog: silentLogger,
      metrics: createMetrics(),
      deleteOutbox: () => {
        calls += 1;
        return calls === 1 ? Promise.reject(new Error("away")) : Promise.resolve();
      },
    },
  );
  deletes.add(["1", "2"]);
  await deletes.drain();
  expect(calls).toBe(2);
});
