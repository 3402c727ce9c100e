import { expect, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { createLocalCoord, createLocalRealm } from "../coord/local.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { claimWorker } from "./worker.ts";

test("40 §1: after another process has taken the number ids are made with a new one", async () => {
  const realm = createLocalRealm();
  await using coord = createLocalCoord({ realm });
  await using other = createLocalCoord({ realm });
  const deps = { clog: silentLogger, metrics: createMetrics() };
  await using worker = await claimWorker(coord, deps);
  const lost = worker.lease.number;
  const before = worker.ids.snowflake();
  expect(worker.ids.worker).toBe(lost);
  // This process sleeps beyond its lease; meanwhile another one begins.
  await coord.lapse(async () => {
    const next = await claimWorker(other, deps);
    expect(next.lease.number).toBe(lost);
  });
  expect(worker.lease.lost.aborted).toBe(true);
  await Bun.sleep(0);
  expect(worker.ids.worker).not.toBe(lost);
  expect(worker.ids.snowflake()).toBeGreaterThan(before);
});
