/** Who holds a lock or a number; `end` tells it that it lost it. */
export interface Holder {
  end(reason: Error): void;
}

interface Waiter {
  readonly holder: Holder;
  readonly taken: () => void;
}

/** Locks in memory, first come first served. */
export interface LocalLocks {
  /** True when `holder` has it now. */
  tryTake(name: string, holder: Holder): boolean;
  /** Resolves when `holder` has it; rejects with the signal's reason. Throws RangeError past `waitersMax`. */
  take(name: string, holder: Holder, signal: AbortSignal): Promise<void>;
  /** Does nothing when another holds it by now. */
  give(name: string, holder: Holder): void;
}

/** Waiting for one lock. */
export const waitersMax = 10_000;

export function createLocalLocks(): LocalLocks {
  const locks = new Map<string, { holder: Holder; readonly queue: Waiter[] }>();
  const tryTake = (name: string, holder: Holder): boolean => {
    if (locks.has(name)) return false;
    locks.set(name, { holder, queue: [] });
    return true;
  };
  return {
    tryTake,
    async take(name, holder, signal) {
      signal.throwIfAborted();
      const lock = locks.get(name);
      if (lock === undefined) {
        tryTake(name, holder);
        return;
      }
      if (lock.queue.length >= waitersMax) throw new RangeError(`${waitersMax} are waiting for ${name} already`);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = { holder, taken: resolve };
      const stop = (): void => {
        const at = lock.queue.indexOf(waiter);
        // Not there: it was handed the lock already, and the caller gets it.
        if (at < 0) return;
        lock.queue.splice(at, 1);
        reject(signal.reason);
      };
      lock.queue.push(waiter);
      signal.addEventListener("abort", stop, { once: true });
      await promise.finally(() => signal.removeEventListener("abort", stop));
    },
    give(name, holder) {
      const lock = locks.get(name);
      if (lock === undefined || lock.holder !== holder) return;
      const next = lock.queue.shift();
      if (next === undefined) {
        locks.delete(name);
        return;
      }
      lock.holder = next.holder;
      next.taken();
    },
  };
}
