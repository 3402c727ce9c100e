import type { Logger } from "../clog/clog.ts";
import type { Instruments } from "./instruments.ts";
import type { Lane } from "./lane.ts";
import { type MqClock, MqUnavailableError, type Waiting } from "./mq.ts";
import type { SqliteLog, StoredRecord } from "./sqlite-log.ts";

/** Everything that waits, records and offsets alike, is one transaction, so one fsync. Idle: at the end of this turn of
 *  the event loop. */
export interface GroupCommit {
  readonly waiting: Waiting;
  /** Takes the records; resolves when they are committed. Rejects with MqUnavailableError, and then none is kept. */
  append(records: readonly Appended[], bytes: number): Promise<void>;
  /** Commits a group's position with the next transaction, again and again until it succeeds. */
  commit(group: string, log: number, next: number): void;
  /** The position that waits to be committed. */
  committing(group: string, log: number): number | undefined;
  /** Resolves when what waits now has been written, or could not be. */
  flushed(): Promise<void>;
  /** Why the last transaction failed, if it did. */
  failure(): string | undefined;
  /** Writes what waits, the last thing it does. */
  close(): void;
}

export interface Appended {
  readonly topicName: string;
  readonly partition: { readonly log: number; readonly readers: readonly Lane[]; next: number };
  readonly record: StoredRecord;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

const retryMs = 1000;

/** A sync blocks the event loop, so a transaction that took t is followed by the next one 2 t later at the earliest:
 *  under load the batch grows, and at most a third of the time is spent here. */
const restPerBusy = 2;
const restMsMax = 20;

export function createGroupCommit(
  file: SqliteLog,
  clock: MqClock,
  clog: Logger,
  instruments: Instruments,
): GroupCommit {
  let records: Appended[] = [];
  let bytes = 0;
  let waiters: Waiter[] = [];
  const idle: (() => void)[] = [];
  const offsets = new Map<string, { group: string; log: number; next: number }>();
  let scheduled = false;
  let cancelRetry: (() => void) | undefined;
  let failure: string | undefined;
  let closed = false;
  let notBeforeMs = 0;
  let resting: ReturnType<typeof setTimeout> | undefined;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    const restMs = notBeforeMs - performance.now();
    // Timers are no finer than 1 ms.
    if (restMs < 1) setImmediate(flush);
    else resting = setTimeout(flush, restMs);
  }

  function write(batch: readonly Appended[]): Map<Appended["partition"], number> {
    const ends = new Map<Appended["partition"], number>();
    file.transaction(() => {
      for (const { partition, record } of batch) {
        const offset = ends.get(partition) ?? partition.next;
        file.insert(partition.log, offset, record);
        ends.set(partition, offset + 1);
      }
      for (const [partition, next] of ends) file.setNext(partition.log, next);
      for (const { group, log, next } of offsets.values()) file.commit(group, log, next);
    });
    return ends;
  }

  function flush(): void {
    scheduled = false;
    if (closed) return;
    const batch = records;
    const waiting = waiters;
    records = [];
    waiters = [];
    bytes = 0;
    if (batch.length > 0 || offsets.size > 0) {
      const beganMs = performance.now();
      try {
        const ends = write(batch);
        offsets.clear();
        failure = undefined;
        for (const [partition, next] of ends) {
          partition.next = next;
          for (const lane of partition.readers) lane.wake();
        }
        count(batch, instruments);
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
        clog.error("the log file cannot be written", { err: error, records: batch.length });
        const rejection = new MqUnavailableError(`the log file cannot be written: ${failure}`, { cause: error });
        for (const waiter of waiting.splice(0)) waiter.reject(rejection);
        if (offsets.size > 0) cancelRetry ??= clock.after(retryMs, retry);
      }
      const endedMs = performance.now();
      notBeforeMs = endedMs + Math.min(restMsMax, restPerBusy * (endedMs - beganMs));
    }
    for (const waiter of waiting) waiter.resolve();
    for (const done of idle.splice(0)) done();
  }

  function retry(): void {
    cancelRetry = undefined;
    schedule();
  }

  return {
    get waiting() {
      return { records: records.length, bytes };
    },
    append(more, moreBytes) {
      for (const one of more) records.push(one);
      bytes += moreBytes;
      schedule();
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
    },
    commit(group, log, next) {
      const key = `${log} ${group}`;
      const known = offsets.get(key);
      if (known === undefined) offsets.set(key, { group, log, next });
      else known.next = next;
      schedule();
    },
    committing: (group, log) => offsets.get(`${log} ${group}`)?.next,
    flushed() {
      schedule();
      return new Promise((resolve) => idle.push(resolve));
    },
    failure: () => failure,
    close() {
      cancelRetry?.();
      clearTimeout(resting);
      flush();
      closed = true;
    },
  };
}

function count(batch: readonly Appended[], instruments: Instruments): void {
  let name = "";
  let records = 0;
  for (const { topicName } of batch) {
    if (topicName !== name) {
      if (records > 0) instruments.produced(name, records);
      name = topicName;
      records = 0;
    }
    records++;
  }
  if (records > 0) instruments.produced(name, records);
}
