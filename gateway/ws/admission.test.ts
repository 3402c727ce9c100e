import { expect, test } from "bun:test";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createAdmission } from "./admission.ts";

test("G4: admission stops short of the descriptors of the process, follows the setting, and is shown", async () => {
  const registry = createMetrics();
  const deps = { clog: silentLogger, registry };
  const ws = { maxConnections: 200_000, descriptorReserve: 200 };
  const admission = createAdmission(ws, deps, { soft: 20_000, hard: 20_000 });
  expect(admission.socketsMax()).toBe(19_800);
  expect(await registry.render()).toContain("gochat_ws_connections_max 19800");
  ws.maxConnections = 10;
  expect(admission.socketsMax()).toBe(10);
  const few = createAdmission(ws, deps, { soft: 100, hard: 100 });
  expect(few.socketsMax()).toBe(1);
  ws.maxConnections = 200_000;
  const unlimited = { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY };
  expect(createAdmission(ws, deps, unlimited).socketsMax()).toBe(200_000);
});
