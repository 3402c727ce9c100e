import { delayOf, type Random, resendStepsMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { repeatable } from "./error-codes.ts";
import { ClientError, codeOf } from "./errors.ts";

const repeatsMax = 3;
/** Somebody waits for the outcome: a server that asks for a longer pause is told of instead. */
const pauseMaxMs = 5_000;

/** Asks again, after 1, 2 and 4 s ± 20 % or the pause that the server asks for, when the answer says nothing about the
 *  outcome: the request must be one that is made once over all its repeats. Rejects with the last ClientError. */
export function createRepeater(deps: { clock: Clock; random: Random }): <T>(ask: () => Promise<T>) => Promise<T> {
  const { clock, random } = deps;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, () => resolve()));
  return async (ask) => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        const wantedMs = error instanceof ClientError ? (error.retryAfterMs ?? 0) : 0;
        if (attempt === repeatsMax || !repeatable(codeOf(error)) || wantedMs > pauseMaxMs) throw error;
        await pause(Math.max(wantedMs, delayOf(resendStepsMs, attempt, random)));
      }
    }
  };
}
