import { CacheUnavailableError } from "./cache.ts";

interface Wait {
  readonly sinceMs: number;
  reject(error: Error): void;
}

/** Bounds how long answers are waited for, with one timer for all of them. */
export interface Waits {
  /** As `answer`, but rejects with CacheUnavailableError after the time, `late` being told once for all that are overdue. */
  guard<T>(answer: Promise<T>): Promise<T>;
  close(): void;
}

export function createWaits(timeoutMs: number, late: () => void): Waits {
  // In the order they began, so the first is the oldest.
  const open = new Set<Wait>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const arm = (ms: number): void => {
    timer = setTimeout(look, ms);
  };
  const overdue = (wait: Wait): boolean => performance.now() - wait.sinceMs >= timeoutMs;
  const look = (): void => {
    timer = undefined;
    const [oldest] = open;
    if (oldest === undefined) return;
    if (overdue(oldest)) {
      // The process itself may have been busy, its answers lying in the socket: they are read before anything is given up.
      setImmediate(() => setImmediate(giveUp));
    } else {
      arm(Math.ceil(timeoutMs - (performance.now() - oldest.sinceMs)));
    }
  };
  const giveUp = (): void => {
    let found = false;
    for (const wait of open) {
      if (!overdue(wait)) break;
      found = true;
      open.delete(wait);
      wait.reject(new CacheUnavailableError(`the cache gave no answer within ${timeoutMs} ms`));
    }
    if (found) late();
    if (open.size > 0 && timer === undefined) arm(timeoutMs);
  };
  return {
    guard<T>(answer: Promise<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        const wait: Wait = { sinceMs: performance.now(), reject };
        open.add(wait);
        if (timer === undefined) arm(timeoutMs);
        answer.then(
          (value) => {
            open.delete(wait);
            resolve(value);
          },
          (error: unknown) => {
            open.delete(wait);
            reject(error);
          },
        );
      });
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
