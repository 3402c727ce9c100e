/** Collects items and hands them over in batches: one flush in flight, what arrives meanwhile is the next batch. Idle,
 *  an item leaves at the end of the turn it came in; there is no timer. */
export interface Batcher<T> {
  /** False: the bound of waiting items or bytes is reached, and the item was not taken. */
  push(item: T, bytes?: number): boolean;
  /** Waiting and in flight. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Resolves when nothing waits and nothing is in flight. */
  idle(): Promise<void>;
}

export interface BatcherOptions<T> {
  /** Items per flush. */
  readonly batchMax: number;
  readonly waitingMax: number;
  readonly waitingBytesMax?: number;
  readonly flush: (items: T[]) => Promise<void>;
  /** Called with a batch whose flush was rejected; the batches after it go on. Must not throw. */
  readonly failed: (error: unknown, items: readonly T[]) => void;
}

export function createBatcher<T>(options: BatcherOptions<T>): Batcher<T> {
  const bytesMax = options.waitingBytesMax ?? Number.POSITIVE_INFINITY;
  let items: T[] = [];
  let sizes: number[] = [];
  let held = 0;
  let heldBytes = 0;
  let running = false;
  let onIdle: (() => void)[] = [];

  async function run(): Promise<void> {
    while (items.length > 0) {
      const batch = items.length > options.batchMax ? items.splice(0, options.batchMax) : items;
      const batchSizes = batch === items ? sizes : sizes.splice(0, options.batchMax);
      if (batch === items) {
        items = [];
        sizes = [];
      }
      const bytes = batchSizes.reduce((sum, size) => sum + size, 0);
      try {
        await options.flush(batch);
      } catch (error) {
        options.failed(error, batch);
      } finally {
        held -= batch.length;
        heldBytes -= bytes;
      }
    }
    running = false;
    const waiters = onIdle;
    onIdle = [];
    for (const resolve of waiters) resolve();
  }

  return {
    push(item, bytes = 0) {
      if (held >= options.waitingMax || heldBytes + bytes > bytesMax) return false;
      items.push(item);
      sizes.push(bytes);
      held += 1;
      heldBytes += bytes;
      if (!running) {
        running = true;
        // After the turn: its other sockets' frames join the same batch.
        setImmediate(() => void run());
      }
      return true;
    },
    get waiting() {
      return held;
    },
    get waitingBytes() {
      return heldBytes;
    },
    idle: () => (running ? new Promise((resolve) => onIdle.push(resolve)) : Promise.resolve()),
  };
}
