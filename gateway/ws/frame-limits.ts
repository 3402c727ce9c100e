import { createBucket, takeFrom, waitFor } from "#infra/ratelimit/bucket.ts";
import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Session } from "./session.ts";

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

/** The buckets are fields of the session: no map, no timer, and nothing to forget when it ends. They are made by the
 *  first frame, with the rules as they are then. */
export function createFrameLimits(
  ratelimit: RateLimit,
  options: { readonly abuseViolations: number; readonly abuseWindowMs: number },
  metrics: Pick<GatewayMetrics, "framesLimited" | "bytesLimited">,
): FrameLimits {
  function violated(session: Session, retryAfterMs: number, nowMs: number): FrameVerdict {
    if (nowMs - session.violationsSinceMs > options.abuseWindowMs) {
      session.violations = 0;
      session.violationsSinceMs = nowMs;
    }
    session.violations += 1;
    return session.violations >= options.abuseViolations ? abuse : { at: "limited", retryAfterMs };
  }

  return {
    take(session, bytes, nowMs) {
      if (!ratelimit.enabled) return taken;
      session.frames ??= bucketOf(ratelimit, "ws_frames", nowMs);
      session.bytes ??= bucketOf(ratelimit, "ws_bytes", nowMs);
      const { frames, bytes: volume } = session;
      if (frames !== undefined && !takeFrom(frames, 1, nowMs)) {
        metrics.framesLimited.inc();
        return violated(session, waitFor(frames, 1), nowMs);
      }
      if (volume !== undefined && !takeFrom(volume, bytes, nowMs)) {
        metrics.bytesLimited.inc();
        return violated(session, waitFor(volume, bytes), nowMs);
      }
      return taken;
    },
  };
}

function bucketOf(ratelimit: RateLimit, name: string, nowMs: number): Session["frames"] {
  const rule = ratelimit.rule(name);
  return rule === undefined ? undefined : createBucket(rule, nowMs);
}
