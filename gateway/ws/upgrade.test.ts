import { expect, test } from "bun:test";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createRateLimit } from "#infra/ratelimit/ratelimit.ts";
import { createCors } from "../http/cors.ts";
import { errorResponse } from "../http/respond.ts";
import { createGatewayMetrics } from "../metrics.ts";
import { createHub } from "./hub.ts";
import { createUpgrader } from "./upgrade.ts";

const identity = { userId: "7", sid: "s", isGuest: false, expiresAtS: 4_000_000_000 };
const request = new Request("http://localhost/ws", { headers: { upgrade: "websocket", authorization: "Bearer t" } });

function upgrader(connecting: () => number, random: () => number) {
  const registry = createMetrics();
  const hub = createHub();
  const deps = {
    verifier: { verify: () => Promise.resolve(identity), revoke() {}, isRevoked: () => false, sweep() {} },
    ratelimit: createRateLimit({ enabled: false }, { clog: silentLogger, metrics: registry }),
    cors: createCors([]),
    metrics: createGatewayMetrics(registry, hub),
    draining: () => false,
    clock: Date.now,
  };
  return createUpgrader({ connectionsMax: 100, connectingMax: 10 }, { ...deps, hub, connecting, random });
}

test("20 §8, 70 L1: with too many handshakes in flight an upgrade is refused with 503 and a Retry-After that differs", async () => {
  const waits: (string | null)[] = [];
  for (const random of [0, 0.5, 0.999]) {
    const refused: unknown = await upgrader(
      () => 10,
      () => random,
    )
      .admit(request, new URL(request.url), "127.0.0.1")
      .catch((error: unknown) => error);
    const response = errorResponse(refused, "trace");
    expect(response.status).toBe(503);
    waits.push(response.headers.get("Retry-After"));
  }
  expect(waits).toEqual(["1", "4", "6"]);
  const admitted = await upgrader(() => 9, Math.random).admit(request, new URL(request.url), "127.0.0.1");
  expect(admitted.session.userId).toBe("7");
});
