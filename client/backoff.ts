/** A number in [0, 1). */
export type Random = () => number;

/** Spreads `ms` by ± 20 %. */
export function jitter(ms: number, random: Random): number {
  return Math.round(ms * (0.8 + 0.4 * random()));
}

/** Reconnect (spec 20 §7): 1, 2, 4, 8, 15, 30 s, then 30 s. */
export const reconnectStepsMs: readonly number[] = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
/** Resend of a message without a final ack (spec 20 §6): 1, 2, 4 … 30 s. */
export const resendStepsMs: readonly number[] = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];

/** The delay before attempt number `attempt` (0 = the first repeat), ± 20 %. Past the table its last step holds. */
export function delayOf(stepsMs: readonly number[], attempt: number, random: Random): number {
  const step = stepsMs[Math.min(Math.max(0, attempt), stepsMs.length - 1)] ?? 0;
  return jitter(step, random);
}
