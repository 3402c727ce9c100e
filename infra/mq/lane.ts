import { backoffMs } from "./backoff.ts";
import type { LogRecord } from "./dead-letter.ts";
import {
  type DeadRecord,
  type Handler,
  type MqClock,
  MqFullError,
  MqUnavailableError,
  type Outcome,
  type Topic,
} from "./mq.ts";

/** What a lane gets from one read: records, or, when the first one cannot be decoded, that one and why. */
export interface Read<T> {
  readonly records: LogRecord<T>[];
  readonly broken?: { readonly record: Omit<LogRecord<T>, "value">; readonly message: string } | undefined;
}

/** One partition of a log in this process. Positions are offsets as numbers, below 2^53, without holes. */
export interface PartitionLog<T> {
  /** The lowest position that is still kept. */
  first(): number;
  /** The position the next record will have. */
  end(): number;
  read(from: number, recordsMax: number, bytesMax: number): Read<T>;
}

/** What lanes of one subscription share. */
export interface LaneContext<T> {
  readonly topic: Topic<T>;
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly handler: Handler<T>;
  readonly signal: AbortSignal;
  readonly clock: MqClock;
  /** 0 … 1. */
  readonly random: () => number;
  /** Keeps dead records, or drops them where the topic keeps none. Rejects when the log is away. */
  bury(
    records: { record: Omit<LogRecord<T>, "value">; dead: Omit<DeadRecord, "index"> }[],
    attempts: number,
  ): Promise<void>;
  readonly events: LaneEvents;
}

export interface LaneEvents {
  /** `count` records were finished, the partition's position is `position` now. */
  moved(partition: number, position: number, count: number): void;
  handled(seconds: number): void;
  paused(partition: number, reason: string, delayMs: number, first: boolean): void;
  resumed(partition: number): void;
  failed(partition: number, count: number, error: unknown): void;
  reset(reason: string): void;
}

/** One partition of one group: one batch in flight, what arrives meanwhile is the next batch. */
export interface Lane {
  readonly position: number;
  /** Says that there may be something to read. Idle: delivered in the next microtask. */
  wake(): void;
  /** No new batch; resolves when the one in flight has ended. */
  close(): Promise<void>;
}

const attemptsMax = 3;

/** `waking`: a step is scheduled. `paused` and `retrying` wait for the clock; only `paused` is reported. */
type State = "idle" | "waking" | "busy" | "paused" | "retrying" | "closed";

export function createLane<T>(partition: number, start: number, log: PartitionLog<T>, context: LaneContext<T>): Lane {
  const { events, clock, recordsMax, bytesMax, topic } = context;
  let state: State = "idle";
  let position = start;
  let closing = false;
  let closed: Promise<void> | undefined;
  let onClosed: (() => void) | undefined;
  let cancelTimer: (() => void) | undefined;
  /** Records of the next batch: halved while the one that fails is searched, doubled again by every success. */
  let limit = recordsMax;
  /** Throws in a row of the record at `position`, delivered alone. */
  let failures = 0;
  /** Pauses in a row without progress. */
  let pauses = 0;
  let records: LogRecord<T>[] = [];

  function step(): void {
    if (state === "closed") return;
    if (closing) {
      ended();
      return;
    }
    state = "busy";
    const first = log.first();
    if (position < first) {
      const from = position;
      position = first;
      events.moved(partition, position, 0);
      events.reset(`records ${from} to ${first - 1} of ${topic.name}/${partition} were removed before they were read`);
    }
    let read: Read<T>;
    try {
      read = log.read(position, limit, bytesMax);
    } catch (error) {
      pause(`the log cannot be read: ${messageOf(error)}`);
      return;
    }
    records = read.records;
    if (read.broken !== undefined) {
      const { record, message } = read.broken;
      bury([{ record, dead: { code: "UNDECODABLE", message } }], 1, 1, { done: 1 });
      return;
    }
    if (records.length === 0) {
      rest();
      return;
    }
    const startedAt = performance.now();
    let handling: Promise<Outcome>;
    try {
      handling = context.handler({ topic, partition, records }, context.signal);
    } catch (error) {
      failed(error);
      return;
    }
    handling.then(
      (outcome) => {
        events.handled((performance.now() - startedAt) / 1000);
        finished(outcome);
      },
      (error: unknown) => {
        events.handled((performance.now() - startedAt) / 1000);
        failed(error);
      },
    );
  }

  function finished(outcome: Outcome): void {
    const { done, dead } = outcome;
    if (!Number.isInteger(done) || done < 0 || done > records.length) {
      failed(new RangeError(`outcome says ${done} of ${records.length} records are done`));
      return;
    }
    if (dead === undefined || dead.length === 0) {
      advance(outcome, records.length);
      return;
    }
    const buried: { record: LogRecord<T>; dead: DeadRecord }[] = [];
    for (const one of dead) {
      const record = one.index < done ? records[one.index] : undefined;
      if (record === undefined) {
        failed(new RangeError(`outcome names record ${one.index} of ${done} dead`));
        return;
      }
      buried.push({ record, dead: one });
    }
    bury(buried, 1, records.length, outcome);
  }

  function bury(
    dead: { record: Omit<LogRecord<T>, "value">; dead: Omit<DeadRecord, "index"> }[],
    attempts: number,
    count: number,
    outcome: Outcome,
  ): void {
    context.bury(dead, attempts).then(
      () => advance(outcome, count),
      (error: unknown) => pause(`dead letters cannot be kept: ${messageOf(error)}`),
    );
  }

  function advance(outcome: Outcome, count: number): void {
    if (outcome.done > 0) {
      position += outcome.done;
      failures = 0;
      pauses = 0;
      limit = Math.min(recordsMax, limit * 2);
      events.moved(partition, position, outcome.done);
    }
    if (outcome.done < count) {
      pause(outcome.pause ?? "the handler left records");
      return;
    }
    rest();
  }

  function failed(error: unknown): void {
    if (closing || context.signal.aborted) {
      ended();
      return;
    }
    if (error instanceof MqFullError || error instanceof MqUnavailableError) {
      pause(error.message);
      return;
    }
    const count = records.length;
    events.failed(partition, count, error);
    if (count > 1) {
      limit = Math.ceil(count / 2);
      again();
      return;
    }
    failures++;
    if (failures < attemptsMax) {
      state = "retrying";
      delay(backoffMs(failures, context.random));
      return;
    }
    const [record] = records;
    if (record === undefined) {
      rest();
      return;
    }
    bury([{ record, dead: { code: "HANDLER_FAILED", message: messageOf(error) } }], attemptsMax, 1, { done: 1 });
  }

  function pause(reason: string): void {
    if (closing) {
      ended();
      return;
    }
    pauses++;
    const delayMs = backoffMs(pauses, context.random);
    state = "paused";
    events.paused(partition, reason, delayMs, pauses === 1);
    delay(delayMs);
  }

  function delay(delayMs: number): void {
    records = [];
    cancelTimer = clock.after(delayMs, () => {
      cancelTimer = undefined;
      if (state === "paused") events.resumed(partition);
      state = "waking";
      step();
    });
  }

  function rest(): void {
    records = [];
    if (closing) {
      ended();
      return;
    }
    if (position < log.end()) {
      again();
      return;
    }
    state = "idle";
  }

  // The next batch waits for the event loop's turn: sockets are read meanwhile, so under load the batch grows.
  function again(): void {
    records = [];
    if (closing) {
      ended();
      return;
    }
    state = "waking";
    setImmediate(step);
  }

  function ended(): void {
    state = "closed";
    records = [];
    onClosed?.();
  }

  function close(): Promise<void> {
    closing = true;
    if (state === "busy") {
      return new Promise((resolve) => {
        onClosed = resolve;
      });
    }
    cancelTimer?.();
    if (state === "paused") events.resumed(partition);
    ended();
    return Promise.resolve();
  }

  return {
    get position() {
      return position;
    },
    wake() {
      if (state !== "idle" || position >= log.end()) return;
      state = "waking";
      queueMicrotask(step);
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
