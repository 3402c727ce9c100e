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
  readonly retryAfterMs: number;
  constructor(breaker: string, retryAfterMs: number) {
    super(`breaker ${breaker} is open`);
    this.breaker = breaker;
    this.retryAfterMs = retryAfterMs;
  }
}

/** closed → open after `failureThreshold` consecutive failures → half-open after `openMs`: one probe at a time → closed after `successThreshold` of them, open again on one failure. */
export interface Breaker {
  readonly name: string;
  readonly state: BreakerState;
  /** Runs `op` or rejects with BreakerOpenError at once. Rejects with what `op` rejects with. */
  do<T>(op: () => Promise<T>): Promise<T>;
}

export interface Breakers {
  /** The breaker of a name (`rpc:{service}/{method}`, `http:…`, `db:…`), made when first asked for. Names come from the program, never from input. */
  get(name: string): Breaker;
  /** Replaces the policy table at once; existing breakers keep their state. A name that is missing uses `default`, then the built-in one. */
  setPolicies(policies: Readonly<Record<string, BreakerPolicy>>): void;
}
