const firstDelayMs = 100;
const delayMsMax = 30_000;

/** Wait before try `failures` (1 is the first repeat): 100 ms × 2 … 30 s, of which a random half is left out, so that
 *  what failed together does not come back together. `random` gives 0 … 1. */
export function backoffMs(failures: number, random: () => number): number {
  const full = Math.min(delayMsMax, firstDelayMs * 2 ** Math.min(failures - 1, 16));
  return full * (1 - random() / 2);
}
