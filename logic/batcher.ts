/** Bounds of a batcher. Sizes are the caller's own estimates, in bytes. */
export interface BatcherOptions {
  /** Items in one flush, at most. */
  readonly messagesMax: number;
  /** Bytes in one flush, at most. An item larger than this goes alone. */
  readonly bytesMax: number;
  /** Items that may wait for the flush in flight; the next one is refused. */
  readonly waitingMax: number;
  /** Bytes that may wait for the flush in flight; what would pass them is refused. */
  readonly waitingBytesMax: number;
}

/** What one flush does. `flush` answers one result per item, in the order of the items; an `Error` in the place of a
 *  result rejects that item alone, and a flush that throws rejects all of its items with what it threw. */
export interface BatcherDeps<T, R> {
  flush(items: readonly T[]): Promise<readonly (R | Error)[]>;
  /** The error of an item that finds the waiting room full, or the batcher closed. */
  refuse(reason: "full" | "closed"): Error;
}

export interface Batcher<T, R> {
  /** Joins the next flush and resolves with its result for `item`. Items are flushed in the order of these calls.
   *  Rejects with `refuse("full")` when a bound of the waiting room is reached: nothing was taken. */
  add(item: T, sizeBytes: number): Promise<R>;
  waiting(): { readonly items: number; readonly bytes: number };
  /** Refuses what comes from now on and resolves when everything taken before is answered. */
  close(): Promise<void>;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly sizeBytes: number;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects single calls into batches without a timer: one flush is in flight, and what arrives meanwhile is the next
 *  batch. When idle, a flush begins in the microtask after its first item, so that calls made together share it and none
 *  waits for a clock. */
export function createBatcher<T, R>(options: BatcherOptions, deps: BatcherDeps<T, R>): Batcher<T, R> {
  let queue: Waiting<T, R>[] = [];
  let queueBytes = 0;
  let running: Promise<void> | undefined;
  let closed = false;

  function take(): Waiting<T, R>[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of queue) {
      if (count === options.messagesMax || (count > 0 && bytes + waiting.sizeBytes > options.bytesMax)) break;
      bytes += waiting.sizeBytes;
      count += 1;
    }
    const batch = count === queue.length ? queue : queue.slice(0, count);
    queue = count === queue.length ? [] : queue.slice(count);
    queueBytes -= bytes;
    return batch;
  }

  async function flushOne(batch: readonly Waiting<T, R>[]): Promise<void> {
    let results: readonly (R | Error)[];
    try {
      results = await deps.flush(batch.map((waiting) => waiting.item));
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
      return;
    }
    for (const [index, waiting] of batch.entries()) {
      const result = results[index];
      if (index >= results.length) waiting.reject(new Error("the flush gave no result for this item"));
      else if (result instanceof Error) waiting.reject(result);
      else waiting.resolve(result as R);
    }
  }

  async function run(): Promise<void> {
    // Calls made in one go join the first batch.
    await Promise.resolve();
    while (queue.length > 0) await flushOne(take());
    running = undefined;
  }

  return {
    add(item, sizeBytes) {
      if (closed) return Promise.reject(deps.refuse("closed"));
      if (queue.length >= options.waitingMax || queueBytes + sizeBytes > options.waitingBytesMax) {
        return Promise.reject(deps.refuse("full"));
      }
      return new Promise<R>((resolve, reject) => {
        queue.push({ item, sizeBytes, resolve, reject });
        queueBytes += sizeBytes;
        running ??= run();
      });
    },
    waiting: () => ({ items: queue.length, bytes: queueBytes }),
    async close() {
      closed = true;
      await running;
    },
  };
}
