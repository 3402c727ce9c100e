import type { MqClock } from "./mq.ts";

/** A clock that stands until a test moves it. */
export interface ManualClock extends MqClock {
  /** Runs what is due, in order of time. */
  advance(ms: number): void;
  /** Delays of what waits now, ms from now, shortest first. */
  delays(): number[];
}

export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let nowMs = startMs;
  let timers: { atMs: number; run: () => void }[] = [];
  return {
    now: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const due = timers.filter((one) => one.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers = timers.filter((one) => one !== due);
        nowMs = due.atMs;
        due.run();
      }
      nowMs = untilMs;
    },
    delays: () => timers.map((one) => one.atMs - nowMs).sort((a, b) => a - b),
  };
}
