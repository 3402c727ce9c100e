/** Time as the SDK needs it; tests inject a manual one. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels it (harmless when it has run). */
  after(delayMs: number, run: () => void): () => void;
}

/** The clock of the runtime. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface ManualClock extends Clock {
  /** Moves time on by `ms`, running what falls due, in order of its due time. */
  advance(ms: number): void;
  /** How many timers wait. */
  waiting(): number;
}

/** A clock that moves only when told to: for tests of timers without waiting. */
export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let nowMs = startMs;
  let order = 0;
  const timers = new Map<number, { dueMs: number; run: () => void }>();
  const nextDue = (untilMs: number): number | undefined => {
    let best: number | undefined;
    for (const [id, timer] of timers) {
      if (timer.dueMs > untilMs) continue;
      const bestTimer = best === undefined ? undefined : timers.get(best);
      if (bestTimer === undefined || timer.dueMs < bestTimer.dueMs) best = id;
    }
    return best;
  };
  return {
    now: () => nowMs,
    after: (delayMs, run) => {
      const id = ++order;
      timers.set(id, { dueMs: nowMs + Math.max(0, delayMs), run });
      return () => {
        timers.delete(id);
      };
    },
    advance: (ms) => {
      const untilMs = nowMs + ms;
      for (let id = nextDue(untilMs); id !== undefined; id = nextDue(untilMs)) {
        const timer = timers.get(id);
        timers.delete(id);
        if (timer === undefined) continue;
        nowMs = Math.max(nowMs, timer.dueMs);
        timer.run();
      }
      nowMs = untilMs;
    },
    waiting: () => timers.size,
  };
}
