import type { Logger } from "../clog/clog.ts";

/** Resolves with the reason at the first SIGTERM or SIGINT, or when `replaced` aborts. A signal after that, or
 *  `timeoutMs`, ends the process with exit code 1. */
export function untilStop(clog: Logger, timeoutMs: number, replaced?: AbortSignal): Promise<string> {
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
    if (replaced?.aborted === true) stop("replaced");
    replaced?.addEventListener("abort", () => stop("replaced"), { once: true });
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}
