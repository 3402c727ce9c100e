import { delayOf, type Random, reconnectStepsMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";

/** Work that may be asked for at any time. */
export interface Asker {
  /** Runs it now; while it runs, once more after that: an answer that was on its way does not count. */
  ask(): void;
  /** Forgets what was asked; a run under way is not repeated. */
  cancel(): void;
}

/** One run at a time. A run that answers false is repeated with back-off (1, 2, 4 … 30 s ± 20 %) until it succeeds, or is
 *  asked for again. `run` must not reject. */
export function createAsker(run: () => Promise<boolean>, deps: { clock: Clock; random: Random }): Asker {
  const { clock, random } = deps;
  let wanted = false;
  let running = false;
  let cancelled = false;
  let failures = 0;
  let cancelWait: (() => void) | undefined;

  const stopWaiting = (): void => {
    cancelWait?.();
    cancelWait = undefined;
  };
  const work = async (): Promise<void> => {
    running = true;
    let succeeded = true;
    while (wanted) {
      wanted = false;
      succeeded = await run();
    }
    running = false;
    if (succeeded || cancelled) {
      failures = 0;
      return;
    }
    cancelWait = clock.after(delayOf(reconnectStepsMs, failures, random), ask);
    failures += 1;
  };
  const ask = (): void => {
    stopWaiting();
    cancelled = false;
    wanted = true;
    if (!running) void work();
  };
  return {
    ask,
    cancel() {
      stopWaiting();
      cancelled = true;
      wanted = false;
    },
  };
}
