import type { Cache } from "../cache/cache.ts";
import type { Logger } from "../clog/clog.ts";
import type { Settings, Watch } from "../coord/coord.ts";
import type { BoundCounter, Metrics } from "../metrics/metrics.ts";
import { takeFrom, waitFor } from "./bucket.ts";
import { type Buckets, createBuckets } from "./buckets.ts";
import { followRules } from "./follow.ts";
import { checkRules, defaultRules, type Rule, type Rules } from "./rules.ts";
import { createShared, type Shared } from "./shared.ts";

/** `remaining`: whole tokens left. `retryAfterMs`: 0 when allowed; else when as many tokens will be there (Infinity when they never fit). `limit`: the capacity. */
export interface Verdict {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly retryAfterMs: number;
  readonly limit: number;
}

/** Token buckets by rule and resource (`user:{id}`, `ip:{ip}`, `machine`). Called at the entrance only. An unknown rule is denied.
 *  Switched off (`enabled` false) everything is allowed. */
export interface RateLimit {
  /** Takes `count` tokens (default 1) or none. Never rejects: when the cache is away a distributed rule becomes local, or denies (`onError`). */
  allow(resource: string, rule: string, count?: number): Promise<Verdict>;
  /** The same for rules of mode `local`, at once; a distributed rule is answered from this process's buckets only. */
  allowLocal(resource: string, rule: string, count?: number): Verdict;
  /** The rule as it is now, for `createBucket`. */
  rule(name: string): Rule | undefined;
  readonly enabled: boolean;
  setEnabled(enabled: boolean): void;
  /** Replaces all rules at once; buckets keep their tokens. Throws InvalidRuleError, the old rules stay. */
  setRules(rules: Rules): void;
  /** Follows every document under `prefix` (`/config/{env}/{service}/ratelimit/`): a JSON map rule → {mode, rate, capacity, description}, laid over `defaults`.
   *  A document that does not validate is rejected whole, its last valid state stays, an error is logged and counted. */
  follow(settings: Settings, prefix: string, defaults: Rules): Promise<Watch>;
}

export interface RateLimitOptions {
  /** Default: the table of spec 60 §8. */
  rules?: Rules;
  /** Default true. Off, it says so in the log at once. */
  enabled?: boolean;
  /** Buckets of one rule in this process. Default 50 000. */
  bucketsMax?: number;
}
export interface RateLimitDeps {
  /** For distributed rules; without one they are local. */
  cache?: Pick<Cache, "eval">;
  clog: Logger;
  metrics: Metrics;
  /** Unix ms; only for buckets of this process. Default `Date.now`. */
  clock?: () => number;
}

/** Unknown rules that are logged, each once. */
const toldMax = 100;

interface RuleState {
  readonly rule: Rule;
  readonly buckets: Buckets;
  readonly rejected: BoundCounter;
}

export function createRateLimit(options: RateLimitOptions, deps: RateLimitDeps): RateLimit {
  const { cache, metrics, clock = Date.now } = deps;
  const clog = deps.clog.namespace("ratelimit");
  const bucketsMax = options.bucketsMax ?? 50_000;
  const rejected = metrics.counter("gochat_ratelimit_rejected_total", "Calls refused by a rate limit.", ["name"]);
  const unknown = rejected.with({ name: "unknown" });
  let states = new Map<string, RuleState>();
  let enabled = options.enabled ?? true;
  const told = new Set<string>();

  const setRules = (rules: Rules): void => {
    checkRules(rules);
    const next = new Map<string, RuleState>();
    for (const [name, rule] of Object.entries(rules)) {
      const buckets = states.get(name)?.buckets.reshaped(rule, clock()) ?? createBuckets(rule, bucketsMax);
      next.set(name, { rule, buckets, rejected: rejected.with({ name }) });
    }
    states = next;
  };
  const takeLocal = (state: RuleState, resource: string, count: number): Verdict => {
    const nowMs = clock();
    const bucket = state.buckets.of(resource, nowMs);
    const allowed = takeFrom(bucket, count, nowMs);
    return verdict(state, allowed, Math.floor(bucket.tokens), allowed ? 0 : waitFor(bucket, count));
  };
  const shared = cache === undefined ? undefined : createShared(cache, clock, clog);
  const takeShared = async (
    from: Shared,
    name: string,
    state: RuleState,
    resource: string,
    count: number,
  ): Promise<Verdict> => {
    const taken = await from.take(`ratelimit:${name}:${resource}`, state.rule, count);
    if (taken === "local") return takeLocal(state, resource, count);
    return verdict(state, taken.allowed, taken.remaining, taken.retryAfterMs);
  };
  const unknownRule = (name: string): Verdict => {
    unknown.inc();
    if (!told.has(name) && told.size < toldMax) {
      told.add(name);
      clog.error("no such rate limit rule: denied", { rule: name });
    }
    return { allowed: false, remaining: 0, retryAfterMs: Number.POSITIVE_INFINITY, limit: 0 };
  };

  setRules(options.rules ?? defaultRules);
  if (!enabled) clog.warn("rate limits are switched off");
  return {
    async allow(resource, name, count = 1) {
      if (!enabled) return unlimited;
      const state = states.get(name);
      if (state === undefined) return unknownRule(name);
      return shared === undefined || state.rule.mode === "local"
        ? takeLocal(state, resource, count)
        : takeShared(shared, name, state, resource, count);
    },
    allowLocal(resource, name, count = 1) {
      if (!enabled) return unlimited;
      const state = states.get(name);
      return state === undefined ? unknownRule(name) : takeLocal(state, resource, count);
    },
    rule: (name) => states.get(name)?.rule,
    get enabled() {
      return enabled;
    },
    setEnabled(next) {
      if (next !== enabled) clog.warn(next ? "rate limits are switched on" : "rate limits are switched off");
      enabled = next;
    },
    setRules,
    follow: (settings, prefix, defaults) => followRules({ settings, prefix, defaults, clog, metrics, setRules }),
  };
}

const unlimited: Verdict = {
  allowed: true,
  remaining: Number.MAX_SAFE_INTEGER,
  retryAfterMs: 0,
  limit: Number.MAX_SAFE_INTEGER,
};

function verdict(state: RuleState, allowed: boolean, remaining: number, retryAfterMs: number): Verdict {
  if (!allowed) state.rejected.inc();
  return { allowed, remaining, retryAfterMs, limit: state.rule.capacity };
}
