import type { Settings, Watch } from "../coord/coord.ts";
import type { Rule, Rules } from "./rules.ts";

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
