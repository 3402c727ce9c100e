import { createBucket, takeFrom, waitFor } from "#infra/ratelimit/bucket.ts";
import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Session, SocketLimits } from "./session.ts";

/** `abuse`: the socket has exceeded its limits too often and is to be closed with 4029. */
export type FrameVerdict =
  | { readonly at: "taken" }
  | { readonly at: "limited"; readonly retryAfterMs: number }
  | { readonly at: "abuse" };

export interface FrameLimits {
  /** Counts one inbound frame of `bytes` against `ws_frames` and `ws_bytes` of its socket (spec 20 §8). */
  take(session: Session, bytes: number, nowMs: number): FrameVerdict;
}

const taken: FrameVerdict = { at: "taken" };
const abuse: FrameVerdict = { at: "abuse" };

/** The buckets hang on the session: no map, no timer, and nothing to forget when it ends. They are made by the
 *  first frame, with the rules as they are then. */
export function createFrameLimits(
  ratelimit: RateLimit,
  options: { readonly abuseViolations: number; readonly abuseWindowMs: number },
  metrics: Pick<GatewayMetrics, "framesLimited" | "bytesLimited">,
): FrameLimits {
  function violated(limits: SocketLimits, retryAfterMs: number, nowMs: number): FrameVerdict {
    if (nowMs - limits.violationsSinceMs > options.abuseWindowMs) {
      limits.violations = 0;
      limits.violationsSinceMs = nowMs;
    }
    limits.violations += 1;
    return limits.violations >= options.abuseViolations ? abuse : { at: "limited", retryAfterMs };
  }

  return {
    take(session, bytes, nowMs) {
      if (!ratelimit.enabled) return taken;
      session.limits ??= {
        frames: bucketOf(ratelimit, "ws_frames", nowMs),
        bytes: bucketOf(ratelimit, "ws_bytes", nowMs),
        violations: 0,
        violationsSinceMs: 0,
      };
      const { limits } = session;
      const { frames, bytes: volume } = limits;
      if (frames !== undefined && !takeFrom(frames, 1, nowMs)) {
        metrics.framesLimited.inc();
        return violated(limits, waitFor(frames, 1), nowMs);
      }
      if (volume !== undefined && !takeFrom(volume, bytes, nowMs)) {
        metrics.bytesLimited.inc();
        return violated(limits, waitFor(volume, bytes), nowMs);
      }
      return taken;
    },
  };
}

function bucketOf(ratelimit: RateLimit, name: string, nowMs: number): SocketLimits["frames"] {
  const rule = ratelimit.rule(name);
  return rule === undefined ? undefined : createBucket(rule, nowMs);
}
