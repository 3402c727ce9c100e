import { backoffMs } from "./backoff.ts";
import type { LogRecord } from "./dead-letter.ts";
import { Holds } from "./holds.ts";
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
  readonly heldMax: number;
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
  /** Of the lanes that pause: looks again soon. */
  readonly paused: Set<() => void>;
}

export interface LaneEvents {
  /** `count` records were read and answered, the partition is read up to `position` now, and all below `mark` is
   *  finished. */
  moved(partition: number, position: number, mark: number, count: number): void;
  /** So many more records are held, or fewer. */
  held(by: number): void;
  /** Nothing more of the partition is read until a held record is finished. */
  full(partition: number): void;
  /** What a record was held for failed. */
  holdFailed(partition: number, offset: number, error: unknown): void;
  handled(seconds: number): void;
  paused(partition: number, reason: string, delayMs: number, first: boolean): void;
  resumed(partition: number): void;
  failed(partition: number, count: number, error: unknown): void;
  reset(reason: string): void;
}

/** One partition of one group: one batch in flight, what arrives meanwhile is the next batch. */
export interface Lane {
  /** The next batch begins here. */
  readonly position: number;
  /** All below it is finished: `position`, or the first record that is held. */
  readonly mark: number;
  /** Records that are held. */
  readonly held: number;
  /** Says that there may be something to read. Idle: delivered in the next microtask. */
  wake(): void;
  /** No new batch; resolves when the one in flight has ended. */
  close(): Promise<void>;
}

const attemptsMax = 3;
/** What one lane waited for is back: within so long, ms, the others look whether theirs is too. */
const togetherMs = 1000;

/** `waking`: a step is scheduled. `paused` and `retrying` wait for the clock; only `paused` is reported. `full` waits for a
 *  held record. */
type State = "idle" | "waking" | "busy" | "paused" | "retrying" | "full" | "closed";

export function createLane<T>(partition: number, start: number, log: PartitionLog<T>, context: LaneContext<T>): Lane {
  return new PartitionLane(partition, start, log, context);
}

interface Dead<T> {
  readonly record: Omit<LogRecord<T>, "value">;
  readonly dead: Omit<DeadRecord, "index">;
}

class PartitionLane<T> implements Lane {
  position: number;
  private readonly partition: number;
  private readonly log: PartitionLog<T>;
  private readonly context: LaneContext<T>;
  private readonly holds = new Holds();
  private state: State = "idle";
  private closing = false;
  private closed: Promise<void> | undefined;
  private onClosed: (() => void) | undefined;
  private cancelTimer: (() => void) | undefined;
  /** Records of the next batch: halved while the one that fails is searched, doubled again by every success. */
  private limit: number;
  /** Throws in a row of the record at `position`, delivered alone. */
  private failures = 0;
  /** Pauses in a row without progress. */
  private pauses = 0;
  /** The batch in flight. */
  private records: LogRecord<T>[] = [];
  /** When the wait ends, on the clock. */
  private dueMs = 0;
  private readonly step = (): void => this.takeStep();
  private readonly hurry = (): void => this.waitLess();

  constructor(partition: number, start: number, log: PartitionLog<T>, context: LaneContext<T>) {
    this.partition = partition;
    this.position = start;
    this.log = log;
    this.context = context;
    this.limit = context.recordsMax;
  }

  get mark(): number {
    return this.holds.mark(this.position);
  }

  get held(): number {
    return this.holds.count;
  }

  wake(): void {
    if (this.state !== "idle" || this.position >= this.log.end()) return;
    this.state = "waking";
    queueMicrotask(this.step);
  }

  close(): Promise<void> {
    this.closed ??= this.ends();
    return this.closed;
  }

  private ends(): Promise<void> {
    this.closing = true;
    if (this.state === "busy") {
      return new Promise((resolve) => {
        this.onClosed = resolve;
      });
    }
    this.cancelTimer?.();
    if (this.state === "paused") this.context.events.resumed(this.partition);
    this.ended();
    return Promise.resolve();
  }

  private ended(): void {
    this.state = "closed";
    this.context.paused.delete(this.hurry);
    this.records = [];
    this.context.events.held(-this.holds.count);
    this.onClosed?.();
  }

  private takeStep(): void {
    if (this.state === "closed") return;
    const { context, partition } = this;
    this.skipRemoved();
    if (context.heldMax > 0 && this.holds.count >= context.heldMax) {
      this.records = [];
      this.state = "full";
      context.events.full(partition);
      return;
    }
    this.state = "busy";
    let read: Read<T>;
    try {
      read = this.log.read(this.position, this.room(), context.bytesMax);
    } catch (error) {
      this.pause(`the log cannot be read: ${messageOf(error)}`);
      return;
    }
    this.records = read.records;
    if (read.broken !== undefined) {
      const { record, message } = read.broken;
      this.bury([{ record, dead: { code: "UNDECODABLE", message } }], 1, 1, { done: 1 });
      return;
    }
    if (read.records.length === 0) {
      this.rest();
      return;
    }
    const startedAt = performance.now();
    let handling: Promise<Outcome>;
    try {
      handling = context.handler({ topic: context.topic, partition, records: read.records }, context.signal);
    } catch (error) {
      this.failed(error);
      return;
    }
    handling.then(
      (outcome) => {
        context.events.handled((performance.now() - startedAt) / 1000);
        this.finished(outcome);
      },
      (error: unknown) => {
        context.events.handled((performance.now() - startedAt) / 1000);
        this.failed(error);
      },
    );
  }

  /** Records of the next batch: all of them might be held. */
  private room(): number {
    const { heldMax } = this.context;
    return heldMax === 0 ? this.limit : Math.min(this.limit, heldMax - this.holds.count);
  }

  private skipRemoved(): void {
    const first = this.log.first();
    const from = this.position;
    if (from >= first) return;
    const { events, topic } = this.context;
    this.position = first;
    events.moved(this.partition, first, this.mark, 0);
    events.reset(
      `records ${from} to ${first - 1} of ${topic.name}/${this.partition} were removed before they were read`,
    );
  }

  private finished(outcome: Outcome): void {
    const { records } = this;
    const { done, dead } = outcome;
    const fault = this.faultOf(outcome);
    if (fault !== undefined) {
      this.failed(new RangeError(fault));
      return;
    }
    if (dead === undefined || dead.length === 0) {
      this.advance(outcome, records.length);
      return;
    }
    const buried: Dead<T>[] = [];
    for (const one of dead) {
      const record = one.index < done ? records[one.index] : undefined;
      if (record === undefined) {
        this.failed(new RangeError(`outcome names record ${one.index} of ${done} dead`));
        return;
      }
      buried.push({ record, dead: one });
    }
    this.bury(buried, 1, records.length, outcome);
  }

  private faultOf({ done, held = [] }: Outcome): string | undefined {
    const { length } = this.records;
    if (!Number.isInteger(done) || done < 0 || done > length)
      return `outcome says ${done} of ${length} records are done`;
    const { heldMax } = this.context;
    if (held.length > 0 && this.holds.count + held.length > heldMax)
      return `outcome holds more than ${heldMax} records`;
    const wrong = held.find(({ index }) => !Number.isInteger(index) || index < 0 || index >= done);
    return wrong === undefined ? undefined : `outcome holds record ${wrong.index} of ${done}`;
  }

  private hold(held: NonNullable<Outcome["held"]>): void {
    const { events } = this.context;
    for (const { index, until } of held.toSorted((a, b) => a.index - b.index)) {
      const offset = this.position + index;
      this.holds.add(offset);
      until.then(
        () => this.release(offset),
        (error: unknown) => events.holdFailed(this.partition, offset, error),
      );
    }
    events.held(held.length);
  }

  private release(offset: number): void {
    if (this.state === "closed") return;
    const before = this.mark;
    if (!this.holds.release(offset)) return;
    const { events } = this.context;
    events.held(-1);
    if (this.mark !== before) events.moved(this.partition, this.position, this.mark, 0);
    if (this.state === "full") this.again();
  }

  private bury(dead: Dead<T>[], attempts: number, count: number, outcome: Outcome): void {
    this.context.bury(dead, attempts).then(
      () => this.advance(outcome, count),
      (error: unknown) => this.pause(`dead letters cannot be kept: ${messageOf(error)}`),
    );
  }

  private advance(outcome: Outcome, count: number): void {
    if (outcome.done > 0) {
      if (outcome.held !== undefined) this.hold(outcome.held);
      this.position += outcome.done;
      this.failures = 0;
      if (this.pauses > 0) for (const hurry of [...this.context.paused]) hurry();
      this.pauses = 0;
      this.limit = Math.min(this.context.recordsMax, this.limit * 2);
      this.context.events.moved(this.partition, this.position, this.mark, outcome.done);
    }
    if (outcome.done < count) this.pause(outcome.pause ?? "the handler left records");
    else this.rest();
  }

  private failed(error: unknown): void {
    const { context, partition, records } = this;
    if (this.closing) {
      this.ended();
      return;
    }
    if (error instanceof MqFullError || error instanceof MqUnavailableError) {
      this.pause(error.message);
      return;
    }
    context.events.failed(partition, records.length, error);
    const [record] = records;
    if (records.length > 1 || record === undefined) {
      this.limit = Math.ceil(records.length / 2);
      this.again();
      return;
    }
    this.failures++;
    if (this.failures < attemptsMax) {
      this.state = "retrying";
      this.delay(backoffMs(this.failures, context.random));
      return;
    }
    this.bury([{ record, dead: { code: "HANDLER_FAILED", message: messageOf(error) } }], attemptsMax, 1, { done: 1 });
  }

  private pause(reason: string): void {
    if (this.closing) {
      this.ended();
      return;
    }
    this.pauses++;
    this.state = "paused";
    const delayMs = backoffMs(this.pauses, this.context.random);
    this.context.events.paused(this.partition, reason, delayMs, this.pauses === 1);
    this.context.paused.add(this.hurry);
    this.delay(delayMs);
  }

  /** Spread, so that what paused together does not come back in one moment. Never waits longer than before. */
  private waitLess(): void {
    const { clock, random } = this.context;
    const delayMs = random() * togetherMs;
    if (this.state !== "paused" || clock.now() + delayMs >= this.dueMs) return;
    this.cancelTimer?.();
    this.delay(delayMs);
  }

  private delay(delayMs: number): void {
    this.records = [];
    this.dueMs = this.context.clock.now() + delayMs;
    this.cancelTimer = this.context.clock.after(delayMs, () => {
      this.cancelTimer = undefined;
      this.context.paused.delete(this.hurry);
      if (this.state === "paused") this.context.events.resumed(this.partition);
      this.takeStep();
    });
  }

  private rest(): void {
    if (this.closing || this.position < this.log.end()) {
      this.again();
      return;
    }
    this.records = [];
    this.state = "idle";
  }

  // The next batch waits for the event loop's turn: sockets are read meanwhile, so under load the batch grows.
  private again(): void {
    if (this.closing) {
      this.ended();
      return;
    }
    this.records = [];
    this.state = "waking";
    setImmediate(this.step);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
