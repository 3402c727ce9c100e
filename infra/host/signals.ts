import type { Logger } from "../clog/clog.ts";

/** What else than a signal stops a process, by its reason. With `asked`, another process decides: a SIGINT, which a
 *  terminal sends to both, is left to it. */
export interface Stops {
  readonly replaced?: AbortSignal | undefined;
  readonly asked?: AbortSignal | undefined;
}

/** Resolves with the reason at the first SIGTERM or SIGINT, or when one of `stops` aborts. A signal after that, or
 *  `timeoutMs`, ends the process with exit code 1. */
export function untilStop(clog: Logger, timeoutMs: number, stops: Stops = {}): Promise<string> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (reason: string): void => {
      if (stopping) return;
      stopping = true;
      setTimeout(() => {
        clog.error("the stop took too long and was forced", { timeout_ms: timeoutMs });
        process.exit(1);
      }, timeoutMs).unref();
      resolve(reason);
    };
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping) {
        clog.warn("second signal: stopping now", { signal });
        process.exit(1);
      }
      stop(signal);
    };
    for (const reason of ["replaced", "asked"] as const) {
      if (stops[reason]?.aborted === true) stop(reason);
      stops[reason]?.addEventListener("abort", () => stop(reason), { once: true });
    }
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", stops.asked === undefined ? onSignal : () => {});
  });
}
