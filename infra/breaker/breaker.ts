import { type Logger, silentLogger } from "../clog/clog.ts";
import type { BoundGauge, Metrics } from "../metrics/metrics.ts";

/** Consecutive failures that open; successes of probes that close; how long it stays open. */
export interface BreakerPolicy {
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly openMs: number;
}
export const defaultBreakerPolicy: BreakerPolicy = { failureThreshold: 5, successThreshold: 2, openMs: 60_000 };

export type BreakerState = "closed" | "open" | "half-open";

/** The call was not made. */
export class BreakerOpenError extends Error {
  override readonly name = "BreakerOpenError";
  readonly breaker: string;
  /** When a probe may be let through; 0 while one is under way. */
  readonly retryAfterMs: number;
  constructor(breaker: string, retryAfterMs: number) {
    super(`breaker ${breaker} is open`);
    this.breaker = breaker;
    this.retryAfterMs = retryAfterMs;
  }
}

/** closed → open after `failureThreshold` consecutive failures → half-open after `openMs`: one probe at a time → closed after `successThreshold` of them,
 *  open again on one failure. A call that began in an earlier state than it ends in does not count. */
export interface Breaker {
  readonly name: string;
  /** As of now: an open one whose time is over is half-open. */
  readonly state: BreakerState;
  /** Runs `op`, or rejects with BreakerOpenError at once. Rejects with what `op` rejects with. */
  do<T>(op: () => Promise<T>): Promise<T>;
}

export interface Breakers {
  /** The breaker of a name (`rpc:{service}/{method}`, `http:…`, `db:…`), made when first asked for. Names come from the program, never from input; past `breakersMax` it throws RangeError. */
  get(name: string): Breaker;
  /** Replaces the policy table at once; existing breakers keep their state. A name that is missing uses `default`, then the built-in one. Throws RangeError when one is
   *  no positive integer; the old table stays. */
  setPolicies(policies: BreakerPolicies): void;
}
export type BreakerPolicies = Readonly<Record<string, BreakerPolicy>>;

export interface BreakersOptions {
  policies?: BreakerPolicies;
  /** False for what says nothing about the other side's health: business errors (4xx class) and the caller's cancellation. Such an end counts neither way, but frees
   *  the probe. Default: everything but AbortError counts. */
  isFailure?: (error: unknown) => boolean;
  /** Told after each change; what it throws is logged. */
  onState?: (name: string, state: BreakerState) => void;
}
export interface BreakersDeps {
  clog?: Logger;
  metrics?: Metrics;
  /** Monotonic ms. Default `performance.now`. */
  clock?: () => number;
}

/** Breakers of one process. */
export const breakersMax = 10_000;

export function createBreakers(options: BreakersOptions = {}, deps: BreakersDeps = {}): Breakers {
  const clog = (deps.clog ?? silentLogger).namespace("breaker");
  const gauge = deps.metrics?.gauge("gochat_breaker_state", "0 closed, 1 half-open, 2 open.", ["name"]);
  let policies = checkPolicies(options.policies ?? {});
  const all = new Map<string, Breaker>();
  const changed = (name: string, state: BreakerState, shown: BoundGauge | undefined): void => {
    shown?.set(gaugeValue[state]);
    clog.warn("breaker changed", { breaker: name, state });
    try {
      options.onState?.(name, state);
    } catch (err) {
      clog.error("a listener of breakers failed", { breaker: name, err });
    }
  };
  return {
    get(name) {
      const old = all.get(name);
      if (old !== undefined) return old;
      if (all.size >= breakersMax) throw new RangeError(`there are ${breakersMax} breakers`);
      const shown = gauge?.with({ name });
      shown?.set(gaugeValue.closed);
      const breaker = breakerOf(name, {
        policy: () => policies[name] ?? policies.default ?? defaultBreakerPolicy,
        clock: deps.clock ?? (() => performance.now()),
        isFailure: options.isFailure ?? isNoAbort,
        changed: (state) => changed(name, state, shown),
      });
      all.set(name, breaker);
      return breaker;
    },
    setPolicies(next) {
      policies = checkPolicies(next);
    },
  };
}

const gaugeValue = { closed: 0, "half-open": 1, open: 2 } as const satisfies Record<BreakerState, number>;

type At =
  | { readonly at: "closed"; failures: number }
  | { readonly at: "open"; readonly sinceMs: number }
  | { readonly at: "half-open"; successes: number; probing: boolean };

interface Rules {
  policy(): BreakerPolicy;
  clock(): number;
  isFailure(error: unknown): boolean;
  changed(state: BreakerState): void;
}

function breakerOf(name: string, rules: Rules): Breaker {
  let now: At = { at: "closed", failures: 0 };
  const leftMs = (): number =>
    now.at === "open" ? Math.max(0, now.sinceMs + rules.policy().openMs - rules.clock()) : 0;
  const move = (next: At): void => {
    now = next;
    rules.changed(next.at);
  };
  /** Lets a call in and answers the state that it belongs to. */
  const enter = (): At => {
    if (now.at === "open" && leftMs() === 0) move({ at: "half-open", successes: 0, probing: false });
    if (now.at === "closed") return now;
    if (now.at === "open" || now.probing) throw new BreakerOpenError(name, leftMs());
    now.probing = true;
    return now;
  };
  const succeeded = (entered: At): void => {
    if (entered !== now) return;
    if (entered.at === "closed") entered.failures = 0;
    if (entered.at !== "half-open") return;
    entered.probing = false;
    entered.successes += 1;
    if (entered.successes >= rules.policy().successThreshold) move({ at: "closed", failures: 0 });
  };
  const failed = (entered: At, error: unknown): void => {
    if (entered !== now) return;
    if (entered.at === "half-open") entered.probing = false;
    if (!rules.isFailure(error)) return;
    if (entered.at === "closed") {
      entered.failures += 1;
      if (entered.failures < rules.policy().failureThreshold) return;
    }
    move({ at: "open", sinceMs: rules.clock() });
  };
  return {
    name,
    get state() {
      return now.at === "open" && leftMs() === 0 ? "half-open" : now.at;
    },
    async do(op) {
      const entered = enter();
      try {
        const value = await op();
        succeeded(entered);
        return value;
      } catch (error) {
        failed(entered, error);
        throw error;
      }
    },
  };
}

function isNoAbort(error: unknown): boolean {
  return !(error instanceof Error && error.name === "AbortError");
}

/** Throws RangeError when a value is no positive integer. */
export function checkPolicies(policies: BreakerPolicies): BreakerPolicies {
  for (const [name, policy] of Object.entries(policies)) {
    for (const [key, value] of Object.entries(policy)) {
      if (!Number.isInteger(value) || value < 1)
        throw new RangeError(`breaker policy ${name}: ${key} ${value} is no positive integer`);
    }
  }
  return policies;
}
