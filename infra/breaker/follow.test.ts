import { expect, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { createLocalCoord } from "../coord/local.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createBreakers } from "./breaker.ts";
import { followPolicies } from "./follow.ts";

const fail = (promise: Promise<unknown>): Promise<void> => promise.then(() => {}).catch(() => {});

test("60 §1: policies follow the configuration centre by name; invalid ones are rejected", async () => {
  await using coord = createLocalCoord();
  const breakers = createBreakers();
  const prefix = "/config/development/logic/breakers/";
  await followPolicies(breakers, {
    settings: coord.settings,
    prefix,
    defaults: {},
    clog: silentLogger,
    metrics: createMetrics(),
  });
  const breaker = breakers.get("rpc:repo/Commit");
  const broken = () => fail(breaker.do(() => Promise.reject(new Error("broken"))));
  await coord.settings.set(`${prefix}rpc:repo/Commit`, '{"failureThreshold": 2, "openStateTimeout": "5s"}');
  await Promise.resolve();
  for (const document of ['{"failureThreshold": 0}', "[]", "x", '{"openStateTimeout": 5}'])
    await coord.settings.set(`${prefix}rpc:repo/Commit`, document);
  await Promise.resolve();
  await broken();
  expect(breaker.state).toBe("closed");
  await broken();
  expect(breaker.state).toBe("open");
});
