import { Code, ConnectError } from "@connectrpc/connect";
import { abortError, deadlineError } from "./rpc.ts";

/** The end of one call of a client: its time is over, or its caller went away. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whole milliseconds, as they travel; undefined: none. */
  readonly timeoutMs: number | undefined;
  /** What a call that failed with `error` rejects with. */
  reasonFor(error: unknown): ConnectError;
  /** Once, when the call is over. */
  end(): void;
}

/** Timers take no longer. */
const timerMsMax = 2 ** 31 - 1;

/** `timeoutMs` ≤ 0: no deadline. */
export function startDeadline(timeoutMs: number | undefined, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const whole = wholeMs(timeoutMs);
  const timer =
    whole === undefined || whole > timerMsMax ? undefined : setTimeout(() => controller.abort(deadlineError()), whole);
  const leave = (): void => controller.abort(abortError(caller));
  if (caller?.aborted === true) leave();
  else caller?.addEventListener("abort", leave, { once: true });
  return {
    signal: controller.signal,
    timeoutMs: whole,
    reasonFor(error) {
      return controller.signal.aborted
        ? (controller.signal.reason as ConnectError)
        : ConnectError.from(error, Code.Unknown);
    },
    end() {
      clearTimeout(timer);
      caller?.removeEventListener("abort", leave);
    },
  };
}

/** The header takes digits only; a remainder below a millisecond is one. */
export function wholeMs(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined || timeoutMs <= 0 || !Number.isFinite(timeoutMs)) return undefined;
  return Math.min(Math.max(1, Math.floor(timeoutMs)), 9_999_999_999);
}
