import { expect, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { createLocalCoord } from "../coord/local.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { produceBreaker } from "../mq/kafka.ts";
import { openPolicies } from "./policies.ts";

test("60 §1: the breaker of produces follows the centre, also when it is there already", async () => {
  await using coord = createLocalCoord({ clog: silentLogger });
  const deps = { coord, clog: silentLogger, metrics: createMetrics() };
  await using policies = await openPolicies({ environment: "development", services: ["gateway", "logic"] }, deps);
  const breaker = produceBreaker(policies.breakers);
  const fails = () => breaker.do(() => Promise.reject(new Error("no broker"))).catch(() => {});
  const key = "/config/development/logic/breakers/mq:produce";
  await coord.settings.set(key, JSON.stringify({ failureThreshold: 3, successThreshold: 1, openStateTimeout: "1h" }));
  await fails();
  await fails();
  expect(breaker.state).toBe("closed");
  await fails();
  expect(breaker.state).toBe("open");
});

test("without a word of the centre one failed produce opens it: the client repeated it already", async () => {
  await using coord = createLocalCoord({ clog: silentLogger });
  const deps = { coord, clog: silentLogger, metrics: createMetrics() };
  await using policies = await openPolicies({ environment: "development", services: ["gateway"] }, deps);
  const breaker = produceBreaker(policies.breakers);
  await breaker.do(() => Promise.reject(new Error("no broker"))).catch(() => {});
  expect(breaker.state).toBe("open");
});
