import { expect, test } from "bun:test";
import { type Logger, silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createEmbeddedMq } from "#infra/mq/embedded.ts";
import { createUserEvents } from "./user-events.ts";
import { Session } from "./ws/session.ts";

test("G4: events beyond the bound are dropped, and told in one line, not one each", async () => {
  const lines: unknown[] = [];
  const clog: Logger = { ...silentLogger, warn: (_, fields) => lines.push(fields) };
  await using mq = createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics: createMetrics() });
  let nowMs = 1_000_000;
  const events = createUserEvents("gateway-1", { mq, clog, clock: () => nowMs });
  const identity = { userId: "7", sid: "s", isGuest: false, expiresAtS: 4_000_000_000 };
  const device = {
    deviceId: "",
    platform: "",
    clientVersion: 1,
    address: "::1",
    userAgent: "",
    carrier: "single" as const,
  };
  const session = new Session(Bun.randomUUIDv7(), identity, device, nowMs);
  for (let at = 0; at < 50_000; at += 1) events.online(session);
  expect(lines).toEqual([]);
  for (let at = 0; at < 100; at += 1) events.online(session);
  expect(lines).toEqual([{ count: 1 }]);
  nowMs += 10_000;
  events.online(session);
  expect(lines).toEqual([{ count: 1 }, { count: 100 }]);
  await events.idle();
}, 20_000);
