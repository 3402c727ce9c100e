import type { Logger } from "../clog/clog.ts";
import type { MqClock } from "./mq.ts";

/** Positions to commit. One request is in flight; where the group moves to meanwhile is the next one. */
export interface Commits {
  moved(partition: number, position: number): void;
  /** Only these partitions are ours now. */
  retain(partitions: readonly number[]): void;
  /** Commits at once; resolves when nothing waits, or after `ms`. */
  flushed(ms: number): Promise<void>;
  close(): void;
}

/** Between two commits: with few records per batch a commit of each would cost more than the records. What a crash
 *  leaves uncommitted is delivered again. */
const restMs = 50;
const retryMs = 500;

/** `commit` rejects while the group is rebalancing or its coordinator is away; the positions are kept and tried again. */
export function createCommits(
  commit: (positions: ReadonlyMap<number, number>) => Promise<void>,
  clock: MqClock,
  clog: Logger,
): Commits {
  let dirty = new Map<number, number>();
  let committing = false;
  let closed = false;
  let notBeforeMs = 0;
  let cancelTimer: (() => void) | undefined;
  let onIdle: (() => void) | undefined;

  async function run(): Promise<void> {
    cancelTimer = undefined;
    if (closed || dirty.size === 0) {
      onIdle?.();
      return;
    }
    committing = true;
    const positions = dirty;
    dirty = new Map();
    try {
      await commit(positions);
      notBeforeMs = clock.now() + restMs;
    } catch (error) {
      clog.debug("offsets cannot be committed yet", { err: error });
      for (const [partition, position] of positions) if (!dirty.has(partition)) dirty.set(partition, position);
      notBeforeMs = clock.now() + retryMs;
    }
    committing = false;
    if (dirty.size === 0) onIdle?.();
    else schedule();
  }

  // At the end of the turn at the earliest: partitions that move in it share a request.
  function schedule(): void {
    if (committing || closed || cancelTimer !== undefined) return;
    cancelTimer = clock.after(Math.max(0, notBeforeMs - clock.now()), () => void run());
  }

  return {
    moved(partition, position) {
      dirty.set(partition, position);
      schedule();
    },
    retain(partitions) {
      for (const partition of dirty.keys()) if (!partitions.includes(partition)) dirty.delete(partition);
    },
    flushed(ms) {
      if (!committing && dirty.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.after(ms, resolve);
        onIdle = () => {
          cancel();
          resolve();
        };
        notBeforeMs = 0;
        cancelTimer?.();
        cancelTimer = undefined;
        schedule();
      });
    },
    close() {
      closed = true;
      cancelTimer?.();
    },
  };
}
