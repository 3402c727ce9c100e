import type { Logger } from "../clog/clog.ts";
import type { MqClock } from "./mq.ts";

/** Positions to commit. One request is in flight; where the group moves to meanwhile is the next one. */
export interface Commits {
  moved(partition: number, position: number): void;
  /** Only these partitions are ours now. */
  retain(partitions: readonly number[]): void;
  /** Resolves when nothing waits, or after `ms`. */
  flushed(ms: number): Promise<void>;
  close(): void;
}

const retryMs = 500;

/** `commit` rejects while the group is rebalancing or its coordinator is away; the positions are kept and tried again. */
export function createCommits(
  commit: (positions: ReadonlyMap<number, number>) => Promise<void>,
  clock: MqClock,
  clog: Logger,
): Commits {
  let dirty = new Map<number, number>();
  let busy = false;
  let closed = false;
  let cancelRetry: (() => void) | undefined;
  let onIdle: (() => void) | undefined;

  async function run(): Promise<void> {
    busy = true;
    while (dirty.size > 0 && !closed) {
      const positions = dirty;
      dirty = new Map();
      try {
        await commit(positions);
      } catch (error) {
        clog.debug("offsets cannot be committed yet", { err: error });
        for (const [partition, position] of positions) {
          if (!dirty.has(partition)) dirty.set(partition, position);
        }
        cancelRetry = clock.after(retryMs, () => void run());
        return;
      }
    }
    busy = false;
    onIdle?.();
  }

  return {
    moved(partition, position) {
      dirty.set(partition, position);
      if (busy || closed) return;
      busy = true;
      // At the end of the turn: partitions that move in it share a request.
      setImmediate(() => void run());
    },
    retain(partitions) {
      for (const partition of dirty.keys()) if (!partitions.includes(partition)) dirty.delete(partition);
    },
    flushed(ms) {
      if (!busy && dirty.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.after(ms, resolve);
        onIdle = () => {
          cancel();
          resolve();
        };
      });
    },
    close() {
      closed = true;
      cancelRetry?.();
    },
  };
}
