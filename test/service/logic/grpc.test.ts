import { expect, test } from "bun:test";
import { silentLogger } from "../../../infra/clog/clog.ts";
import { createMetrics } from "../../../infra/metrics/metrics.ts";
import { startRpcListeners } from "../../../infra/rpc/listeners.ts";
import { SERVICE_TOKEN_HEADER } from "../../../infra/rpc/rpc.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import { HEALTH_SERVICE, healthService } from "../../../proto/health.ts";
import { reflectionServices } from "../../../proto/reflection.ts";

const buf = new URL("../../../node_modules/.bin/buf", import.meta.url).pathname;
const token = "the-token-of-services";

test("30 §1: between services reflection needs the service token, health does not", async () => {
  const options = {
    ...{ host: "127.0.0.1", port: 0, grpcPort: 0, serviceToken: token, open: [HEALTH_SERVICE] },
    reflection: reflectionServices,
  };
  const deps = { errors: connectErrors, clog: silentLogger, metrics: createMetrics() };
  await using listeners = await startRpcListeners([healthService(() => true)], options, deps);
  const curl = async (...args: string[]): Promise<[string, string]> => {
    const child = Bun.spawn([buf, "curl", "--http2-prior-knowledge", ...args], { stdout: "pipe", stderr: "pipe" });
    return Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  };
  const list = ["--reflect", "--list-services", listeners.grpcUrl ?? ""];
  const [shown, problems] = await curl("--reflect-header", `${SERVICE_TOKEN_HEADER}: ${token}`, ...list);
  expect(problems).toBe("");
  expect(shown).toContain("grpc.health.v1.Health");
  const [hidden, refused] = await curl(...list);
  expect(hidden).toBe("");
  expect(refused).toContain("not authenticated");
  const check = ["--protocol", "grpc", "-d", "{}", `${listeners.grpcUrl}/grpc.health.v1.Health/Check`];
  const [health] = await curl("--schema", "proto", ...check);
  expect(JSON.parse(health)).toEqual({ status: "SERVING" });
}, 60_000);
