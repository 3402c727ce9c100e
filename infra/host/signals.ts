import type { Logger } from "../clog/clog.ts";

/** Resolves at the first SIGTERM or SIGINT. A second one, or `timeoutMs` after the first, ends the process with exit code 1. */
export function untilSignal(clog: Logger, timeoutMs: number): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping) {
        clog.warn("second signal: stopping now", { signal });
        process.exit(1);
      }
      stopping = true;
      setTimeout(() => {
        clog.error("the stop took too long and was forced", { timeout_ms: timeoutMs });
        process.exit(1);
      }, timeoutMs).unref();
      resolve(signal);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}
