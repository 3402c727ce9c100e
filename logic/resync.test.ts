import { expect, test } from "bun:test";
import type { BroadcastRecord } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import { createResyncWatch } from "./resync.ts";

function runIdOf(record: BroadcastRecord | undefined): string | undefined {
  if (record?.body.case !== "control" || record.body.value.control.case !== "resync") return undefined;
  return record.body.value.control.value.cacheRunId;
}

test("spec 50 §5: one RESYNC per changed run id of the cache's primary", () => {
  const watch = createResyncWatch(() => 0);
  watch.observe(true, "run-1");
  expect(watch.take()).toBeUndefined();
  watch.observe(true, "run-2");
  watch.observe(true, "run-2");
  expect(runIdOf(watch.take())).toBe("run-2");
  watch.observe(true, "run-2");
  expect(watch.take()).toBeUndefined();
});

test("spec 50 §5: unreadable routes call for a RESYNC, at most one in 10 s, and one more when they are back", () => {
  let nowMs = 0;
  const watch = createResyncWatch(() => nowMs);
  watch.observe(true, "run-1");
  watch.observe(false, "");
  expect(runIdOf(watch.take())).toBe("");
  nowMs = 9_999;
  watch.observe(false, "");
  expect(watch.take()).toBeUndefined();
  nowMs = 10_000;
  watch.observe(false, "");
  expect(runIdOf(watch.take())).toBe("");
  watch.observe(true, "run-1");
  expect(runIdOf(watch.take())).toBe("run-1");
  watch.observe(true, "run-1");
  expect(watch.take()).toBeUndefined();
});

test("batches of rooms, which read no routes, say nothing about the cache", () => {
  const watch = createResyncWatch(() => 0);
  watch.observe(true, "run-1");
  watch.observe(true, "");
  watch.observe(true, "run-1");
  expect(watch.take()).toBeUndefined();
});

test("a RESYNC that did not reach the log is owed again", () => {
  const watch = createResyncWatch(() => 0);
  watch.observe(true, "run-1");
  watch.observe(true, "run-2");
  const record = watch.take();
  if (record === undefined) throw new Error("nothing was owed");
  watch.giveBack(record);
  expect(runIdOf(watch.take())).toBe("run-2");
});
