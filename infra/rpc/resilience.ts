import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BreakerOpenError, type Breakers } from "../breaker/breaker.ts";
import { type RetryContext, type RetryPolicy, retry, sleepFor } from "../retry/retry.ts";
import { abortError, type CallWrapper, type ErrorTranslator, methodName } from "./rpc.ts";

/** 3 attempts, 100 ms × 2 up to 5 s, ± 30 % (spec 30 §1). */
export const RETRY_POLICY: RetryPolicy = {
  attemptsMax: 3,
  backoff: { kind: "exponential", initialMs: 100, factor: 2, capMs: 5_000 },
  jitter: "proportional",
};

export interface ResilienceOptions {
  readonly errors: ErrorTranslator;
  /** Made with `isFailure: rpcFailure(errors)`. */
  readonly breakers: Breakers;
  readonly policy?: RetryPolicy;
  /** Monotonic ms. */
  readonly clock?: () => number;
  readonly random?: () => number;
  readonly sleep?: NonNullable<RetryContext["sleep"]>;
}

const retryable: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.Aborted]);
const failures: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** What counts against a breaker: neither business errors nor a caller that went away. */
export function rpcFailure(errors: ErrorTranslator): (error: unknown) => boolean {
  return (error) => failures.has(errors.toConnect(error).code);
}

/**
 * `breaker(retry(call))`: one breaker per method, `rpc:{service}/{method}`. Repeats only methods that the contract marks
 * (`idempotency_level`), only on `unavailable`, `deadline_exceeded` and `aborted`, not what the other side has decided
 * (`ErrorTranslator.isDecided`: a version conflict is `aborted` too), and never beyond the caller's own time: each attempt
 * gets what is left of it. An open breaker is `unavailable`.
 */
export function createResilience(options: ResilienceOptions): CallWrapper {
  const { errors, breakers, policy = RETRY_POLICY } = options;
  const clock = options.clock ?? ((): number => performance.now());
  const sleep = options.sleep ?? sleepFor;

  return async (method, signal, call, timeoutMs) => {
    const until = timeoutMs > 0 ? clock() + timeoutMs : Number.POSITIVE_INFINITY;
    const left = (): number => until - clock();
    const attempt = () => call(until === Number.POSITIVE_INFINITY ? undefined : Math.max(1, left()));
    let last: unknown;
    const isRetryable = (error: unknown): boolean => {
      last = error;
      if (errors.isDecided?.(error) === true) return false;
      return retryable.has(errors.toConnect(error).code) && left() > 0;
    };
    const context: RetryContext = {
      ...(signal === undefined ? {} : { signal }),
      ...(options.random === undefined ? {} : { random: options.random }),
      // A wait past the deadline would end in one: what is known now is the better answer.
      sleep: (ms, stop) => (ms >= left() ? Promise.reject(last) : sleep(ms, stop)),
    };
    const tried = isIdempotent(method) ? () => retry({ ...policy, isRetryable }, attempt, context) : attempt;
    try {
      return await breakers.get(`rpc:${methodName(method)}`).do(tried);
    } catch (error) {
      if (error instanceof BreakerOpenError) throw errors.fromConnect(openError(error));
      if (signal?.aborted === true && error === signal.reason) throw errors.fromConnect(abortError(signal));
      throw error;
    }
  };
}

function isIdempotent(method: DescMethod): boolean {
  return method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
}

function openError(error: BreakerOpenError): ConnectError {
  return new ConnectError(error.message, Code.Unavailable, undefined, undefined, error);
}
