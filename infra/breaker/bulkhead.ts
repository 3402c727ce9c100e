/** Thrown by `Bulkhead.run` when `waitingMax` callers wait already; the work was not started. */
export class BulkheadFullError extends Error {
  override readonly name = "BulkheadFullError";
}

/** Lets at most a fixed number of expensive pieces of work run at once, with a bounded queue in front of it. */
export interface Bulkhead {
  /** Runs `work` when a slot is free, in order of arrival. Rejects with BulkheadFullError when the queue is full. */
  run<T>(work: () => Promise<T>): Promise<T>;
  load(): { running: number; waiting: number };
}

export interface BulkheadOptions {
  /** pieces of work at a time, ≥ 1 */
  readonly runningMax: number;
  /** callers that may wait for a slot, ≥ 0 */
  readonly waitingMax: number;
}

export function createBulkhead(options: BulkheadOptions): Bulkhead {
  const waiting: (() => void)[] = [];
  let running = 0;

  function leave(): void {
    const next = waiting.shift();
    // The slot passes straight to the next in line, so that a newcomer cannot overtake.
    if (next) next();
    else running--;
  }

  return {
    async run(work) {
      if (running < options.runningMax) running++;
      else if (waiting.length >= options.waitingMax) throw new BulkheadFullError("too much work waits already");
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        leave();
      }
    },
    load: () => ({ running, waiting: waiting.length }),
  };
}
