/** A call that waits for its end. */
export interface Deadlined {
  readonly dueMs: number;
  /** The time is over. Called once, and not after the call was removed. */
  readonly stop: () => void;
}

/** The deadlines of many calls behind one timer. Nearly every call ends long before its own, so a timer each would be set and
 *  cleared for nothing. The timer does not keep the process alive. */
export interface Deadlines {
  add(timeoutMs: number, stop: () => void): Deadlined;
  /** The call has ended. */
  remove(call: Deadlined): void;
}

/** Timers take no longer. */
const timerMsMax = 2 ** 31 - 1;

export function createDeadlines(now: () => number = () => performance.now()): Deadlines {
  const active = new Set<Deadlined>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let armedMs = Number.POSITIVE_INFINITY;

  function arm(dueMs: number): void {
    if (dueMs >= armedMs) return;
    clearTimeout(timer);
    armedMs = dueMs;
    timer = setTimeout(look, Math.min(Math.max(0, dueMs - now()), timerMsMax));
    timer.unref();
  }

  function look(): void {
    armedMs = Number.POSITIVE_INFINITY;
    const nowMs = now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of active) {
      if (call.dueMs > nowMs) nextMs = Math.min(nextMs, call.dueMs);
      else {
        active.delete(call);
        call.stop();
      }
    }
    if (nextMs !== Number.POSITIVE_INFINITY) arm(nextMs);
  }

  return {
    add(timeoutMs, stop) {
      const call: Deadlined = { dueMs: now() + timeoutMs, stop };
      active.add(call);
      arm(call.dueMs);
      return call;
    },
    remove(call) {
      active.delete(call);
    },
  };
}
