import type { RateLimit, Verdict } from "#infra/ratelimit/ratelimit.ts";
import { AppError } from "#proto/errors.ts";

/** Asks the rate limits at the entrance (spec 60 §8). */
export interface Entrance {
  /** What every request is asked before it is looked at: `machine_qps`, then `ip_total` of its address. Throws RATE_LIMITED. */
  admit(address: string): Promise<void>;
  /** The tightest of the verdicts. Throws RATE_LIMITED {retryAfterMs} when one of the rules has no token for its resource. */
  pass(rules: readonly EntranceRule[]): Promise<Verdict | undefined>;
}

export interface EntranceRule {
  readonly rule: string;
  readonly resource: string;
}

export function createEntrance(ratelimit: RateLimit): Entrance {
  async function pass(rules: readonly EntranceRule[]): Promise<Verdict | undefined> {
    let tightest: Verdict | undefined;
    for (const { rule, resource } of rules) {
      const verdict = await ratelimit.allow(resource, rule);
      if (!verdict.allowed) throw rateLimited(verdict);
      if (tightest === undefined || verdict.remaining < tightest.remaining) tightest = verdict;
    }
    return tightest;
  }
  return {
    pass,
    async admit(address) {
      await passMachine(ratelimit);
      await pass([{ rule: "ip_total", resource: `ip:${address}` }]);
    },
  };
}

/** `machine_qps` is off until a document sets it (spec 60 §8): the one rule that lets everybody in while it is not there.
 *  Throws RATE_LIMITED. */
export async function passMachine(ratelimit: RateLimit): Promise<void> {
  if (ratelimit.rule("machine_qps") === undefined) return;
  const verdict = await ratelimit.allow("machine", "machine_qps");
  if (!verdict.allowed) throw rateLimited(verdict);
}

/** The refusal of one rule; the headers travel in `details`. */
export function rateLimited({ retryAfterMs, limit }: Verdict): AppError {
  const wait = Number.isFinite(retryAfterMs) ? retryAfterMs : 3_600_000;
  return new AppError("RATE_LIMITED", { details: { retryAfterMs: wait, limit } });
}

/** Tells in the headers of an answer what is left (spec 10 §1), unless a refusal told it already. */
export function tellLimits(headers: Record<string, string>, { limit, remaining, retryAfterMs }: Verdict): void {
  // Limits are switched off.
  if (limit === Number.MAX_SAFE_INTEGER || "X-RateLimit-Limit" in headers) return;
  headers["X-RateLimit-Limit"] = String(limit);
  headers["X-RateLimit-Remaining"] = String(Math.max(0, Math.floor(remaining)));
  headers["X-RateLimit-Reset"] = String(Math.ceil(retryAfterMs / 1000));
}
