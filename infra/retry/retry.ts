export type Backoff =
  | { readonly kind: "fixed"; readonly delayMs: number }
  | { readonly kind: "exponential"; readonly initialMs: number; readonly factor: number; readonly capMs: number };

export interface RetryPolicy {
  /** The first attempt counts. */
  readonly attemptsMax: number;
  readonly backoff: Backoff;
  /** `full`: 0…delay; `proportional`: delay ± 30 %. Default `full`. */
  readonly jitter?: "full" | "proportional" | "none";
  /** Default: everything. */
  readonly isRetryable?: (error: unknown) => boolean;
}

export interface RetryContext {
  /** Stops at once when aborted, also in the middle of a wait: rejects with its reason. */
  signal?: AbortSignal;
  random?: () => number;
  sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

const proportion = 0.3;

/** Runs `op` until it succeeds, at most `attemptsMax` times. Rejects with the last error. Keeps nothing between calls. */
export async function retry<T>(
  policy: RetryPolicy,
  op: (attempt: number) => Promise<T>,
  context: RetryContext = {},
): Promise<T> {
  const { signal, random = Math.random, sleep = sleepFor } = context;
  if (!Number.isInteger(policy.attemptsMax) || policy.attemptsMax < 1)
    throw new RangeError(`attemptsMax ${policy.attemptsMax} is not a positive integer`);
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await op(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= policy.attemptsMax || policy.isRetryable?.(error) === false) throw error;
    }
    await sleep(delayMs(policy, attempt, random), signal);
  }
}

/** The wait after attempt `attempt` (from 1), jitter included. */
export function delayMs(
  policy: Pick<RetryPolicy, "backoff" | "jitter">,
  attempt: number,
  random: () => number,
): number {
  const { backoff } = policy;
  const base =
    backoff.kind === "fixed"
      ? backoff.delayMs
      : Math.min(backoff.capMs, backoff.initialMs * backoff.factor ** (attempt - 1));
  switch (policy.jitter ?? "full") {
    case "none":
      return base;
    case "full":
      return base * random();
    case "proportional":
      return base * (1 - proportion + 2 * proportion * random());
  }
}

/** Resolves after `ms`; rejects with the reason when `signal` aborts first. */
export function sleepFor(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
