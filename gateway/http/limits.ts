import type { MiddlewareHandler } from "hono";
import type { RateLimit, Verdict } from "#infra/ratelimit/ratelimit.ts";
import { AppError } from "#proto/errors.ts";
import type { ApiContext, ApiEnv } from "./context.ts";

/** Asks the rate limits at the entrance and tells what is left (spec 10 §1, 60 §8). */
export interface Entrance {
  /** Throws RATE_LIMITED {retryAfterMs} when one of the rules has no token for its resource. */
  pass(rules: readonly EntranceRule[]): Promise<Verdict | undefined>;
  /** Asks `rule` for a resource of the request, and sets the X-RateLimit headers. */
  limit(rule: string, resource: (c: ApiContext) => string): MiddlewareHandler<ApiEnv>;
}

export interface EntranceRule {
  readonly rule: string;
  readonly resource: string;
}

export function createEntrance(ratelimit: RateLimit): Entrance {
  async function take({ rule, resource }: EntranceRule): Promise<Verdict> {
    const verdict = await ratelimit.allow(resource, rule);
    if (verdict.allowed) return verdict;
    throw rateLimited(verdict);
  }

  return {
    async pass(rules) {
      let tightest: Verdict | undefined;
      for (const rule of rules) {
        const verdict = await take(rule);
        if (tightest === undefined || verdict.remaining < tightest.remaining) tightest = verdict;
      }
      return tightest;
    },
    limit: (rule, resource) => async (c, next) => {
      const verdict = await take({ rule, resource: resource(c) });
      await next();
      setHeaders(c.res.headers, verdict);
    },
  };
}

/** The refusal of one rule; the headers travel in `details`. */
export function rateLimited({ retryAfterMs, limit }: Verdict): AppError {
  const wait = Number.isFinite(retryAfterMs) ? retryAfterMs : 3_600_000;
  return new AppError("RATE_LIMITED", { details: { retryAfterMs: wait, limit } });
}

function setHeaders(headers: Headers, { limit, remaining, retryAfterMs }: Verdict): void {
  // The inner rule, asked last, is the tighter one and has set them already.
  if (headers.has("X-RateLimit-Limit")) return;
  // Limits are switched off.
  if (limit === Number.MAX_SAFE_INTEGER) return;
  headers.set("X-RateLimit-Limit", String(limit));
  headers.set("X-RateLimit-Remaining", String(Math.max(0, Math.floor(remaining))));
  headers.set("X-RateLimit-Reset", String(Math.ceil(retryAfterMs / 1000)));
}
