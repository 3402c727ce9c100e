import { expect, test } from "bun:test";
import { createMemoryCache } from "#infra/cache/memory.ts";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createRateLimit } from "#infra/ratelimit/ratelimit.ts";
import type { ClientFrame } from "#proto/frames.ts";
import { createGatewayMetrics } from "../metrics.ts";
import { createAnswers } from "./answers.ts";
import { createFrameLimits } from "./frame-limits.ts";
import { createHub } from "./hub.ts";
import { createInbound } from "./inbound.ts";
import { Session } from "./session.ts";

/** A session whose answers and close are recorded instead of written. */
class RecordedSession extends Session {
  readonly sent: { type: string; data: { code?: string }; id?: string }[] = [];
  override send(text: string): boolean {
    this.sent.push(JSON.parse(text));
    return true;
  }
}

function setUp(options: {
  limits?: boolean;
  framesMax?: number;
  handle?: (frame: ClientFrame) => Promise<void> | undefined;
}) {
  const now = { ms: 1_000_000 };
  const clock = (): number => now.ms;
  const registry = createMetrics();
  const metrics = createGatewayMetrics(registry, createHub());
  const cache = createMemoryCache({ clock });
  const ratelimit = createRateLimit(
    { enabled: options.limits ?? false },
    { cache, clog: silentLogger, metrics: registry, clock },
  );
  const inbound = createInbound(
    { inboundFramesMax: options.framesMax ?? 100, inboundBytesMax: 1 << 20 },
    {
      limits: createFrameLimits(ratelimit, { abuseViolations: 5, abuseWindowMs: 10_000 }, metrics),
      handlers: { handle: (_session, frame) => options.handle?.(frame) },
      answers: createAnswers(metrics, clock),
      metrics,
      clog: silentLogger,
      clock,
    },
  );
  const identity = { userId: "1", sid: "s", isGuest: false, expiresAtS: 9_999_999_999 };
  const device = { deviceId: "", platform: "", carrier: "single" as const, address: "", userAgent: "" };
  const session = new RecordedSession("session", identity, device, now.ms);
  session.state = "open";
  return { inbound, session, now };
}

const ping = (id: string): string => JSON.stringify({ type: "ping", id });

test("frames of one socket are handled in order, also when one takes more than a turn", async () => {
  const handled: (string | undefined)[] = [];
  const gates = new Map<string, () => void>();
  const { inbound, session } = setUp({
    handle: (frame) => {
      handled.push(frame.id);
      if (frame.id !== "slow") return undefined;
      return new Promise((resolve) => gates.set("slow", resolve));
    },
  });
  for (const id of ["a", "slow", "b", "c"]) inbound.message(session, ping(id));
  expect(handled).toEqual(["a", "slow"]);
  gates.get("slow")?.();
  await Bun.sleep(0);
  expect(handled).toEqual(["a", "slow", "b", "c"]);
  expect(session.inbox).toBeUndefined();
  inbound.message(session, ping("d"));
  expect(handled.at(-1)).toBe("d");
});

test("G4: frames that were handled count no more, also while others still wait", async () => {
  const text = ping("a") + " ".repeat(100_000);
  const ends: (() => void)[] = [];
  const { inbound, session } = setUp({ handle: () => new Promise((resolve) => ends.push(resolve)) });
  for (let n = 0; n < 30; n += 1) {
    // Two wait, never more, and never fewer than one.
    inbound.message(session, text);
    if (n < 2) continue;
    ends.shift()?.();
    await Bun.sleep(0);
    expect(session.inbox?.wires).toHaveLength(1);
  }
  expect(session.sent.filter(({ type, data }) => type === "error" && data.code === "RATE_LIMITED")).toEqual([]);
});

test("20 §1: frames that arrive before `connected` wait for it", () => {
  const handled: (string | undefined)[] = [];
  const { inbound, session } = setUp({
    handle: (frame) => {
      handled.push(frame.id);
      return undefined;
    },
  });
  session.state = "connecting";
  inbound.message(session, ping("early"));
  expect(handled).toEqual([]);
  session.state = "open";
  inbound.resume(session);
  expect(handled).toEqual(["early"]);
});

test("G4: waiting frames are bounded, the rest is refused and said so", () => {
  const { inbound, session } = setUp({ framesMax: 3 });
  session.state = "connecting";
  for (let index = 0; index < 10; index += 1) inbound.message(session, ping(String(index)));
  expect(session.inbox?.wires).toHaveLength(3);
  expect(session.sent.map(({ data }) => data.code)).toEqual(new Array(7).fill("RATE_LIMITED"));
});

test("a handler that fails answers an error and the next frame is handled", async () => {
  let calls = 0;
  const { inbound, session } = setUp({
    handle: () => {
      calls += 1;
      if (calls === 1) throw new Error("broken");
      return calls === 2 ? Promise.reject(new Error("broken later")) : undefined;
    },
  });
  for (const id of ["1", "2", "3"]) inbound.message(session, ping(id));
  await Bun.sleep(0);
  expect(calls).toBe(3);
  expect(session.sent).toMatchObject([
    { type: "error", id: "1", data: { code: "INTERNAL_ERROR" } },
    { type: "error", id: "2", data: { code: "INTERNAL_ERROR" } },
  ]);
});

test("20 §8: 100 frames at once, then RATE_LIMITED, the fifth violation closes with 4029", () => {
  const { inbound, session, now } = setUp({ limits: true });
  for (let index = 0; index < 100; index += 1) inbound.message(session, ping("x"));
  expect(session.sent).toEqual([]);
  for (let index = 0; index < 4; index += 1) inbound.message(session, ping("x"));
  expect(session.sent).toMatchObject(
    new Array(4).fill({ data: { code: "RATE_LIMITED", details: { retryAfterMs: 20 } } }),
  );
  expect(session.closeCode).toBe(0);
  inbound.message(session, ping("x"));
  expect(session.closeCode).toBe(4029);
  now.ms += 60_000;
  inbound.message(session, ping("ignored"));
  expect(session.sent).toHaveLength(4);
});

test("20 §8: bytes per socket are limited too, and violations far apart do not close", () => {
  const { inbound, session, now } = setUp({ limits: true });
  const big = JSON.stringify({ type: "ping", pad: "x".repeat(60_000) });
  for (let index = 0; index < 8; index += 1) inbound.message(session, big);
  expect(session.sent).toEqual([]);
  for (let round = 0; round < 6; round += 1) {
    for (let index = 0; index < 9; index += 1) if (session.sent.length <= round) inbound.message(session, big);
    now.ms += 11_000;
  }
  expect(session.sent).toHaveLength(6);
  expect(session.closeCode).toBe(0);
});
