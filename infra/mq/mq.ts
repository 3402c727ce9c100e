/** The log port: topics with partitions, keys, consumer groups and batches, cut for Kafka, run embedded on memory and
 *  SQLite. Every topic is at-least-once; order holds per partition, and one key stays on one partition. */

/** How a value crosses the log. Methods, not properties, so that a `Topic<Foo>` is also a `Topic<unknown>`. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  /** Throws when the bytes are not a value of this type: the record is dead-lettered without a retry. */
  decode(bytes: Uint8Array): T;
  /** Bytes, an upper estimate. Called once per record sent, so it has to be cheap. */
  sizeOf(value: T): number;
}

export interface Topic<T> {
  readonly name: string;
  /** The protobuf full name of the value, carried as `X-Type`. */
  readonly type: string;
  readonly codec: Codec<T>;
  readonly partitions: number;
  /** On a log of production size; as `partitions` when absent. */
  readonly partitionsProduction?: number | undefined;
  /** Embedded only: a row of the log file when true, kept in memory (offsets too) when false. */
  readonly durable: boolean;
  readonly retentionMs: number;
  /** Bytes of one record on a real log, headers and key included; 1 MiB when absent. */
  readonly recordBytesMax?: number | undefined;
  /** Whether what can never be handled is kept in `{name}.dlq`. When false it is dropped, counted and logged. */
  readonly deadLetter: boolean;
}

export type Headers = Readonly<Record<string, string>>;

/** One record to be sent. `partition` wins over `key`; with neither the driver spreads. Values are immutable once sent:
 *  a volatile topic hands the very object to every group. */
export interface OutRecord<T = unknown> {
  readonly topic: Topic<T>;
  readonly key?: string | undefined;
  readonly partition?: number | undefined;
  readonly value: T;
  /** Added to the standard ones (`X-Trace-ID`, `X-Source`, `X-Type`, `X-Produced-At`), and wins over them. */
  readonly headers?: Headers | undefined;
}

export interface InRecord<T> {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | undefined;
  readonly value: T;
  readonly headers: Headers;
  /** The header of this name, when the sender gave one; unlike `headers` it costs nothing to look at. */
  readonly traceparent?: string | undefined;
  /** Unix ms. */
  readonly producedAtMs: number;
}

/** Records of one partition in offset order, 1 … `recordsMax` of them and ≤ `bytesMax` (a larger one comes alone). */
export interface Batch<T> {
  readonly topic: Topic<T>;
  readonly partition: number;
  readonly records: readonly InRecord<T>[];
}

/** `index` within the batch's records. `code` is an error code, `message` is cut at 500 characters. */
export interface DeadRecord {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

/** A record that is read and not finished yet: the group goes on behind it, its committed offset stays before it. When
 *  `until` resolves it is finished. When it rejects, the record stays as it is until the subscription ends. */
export interface HeldRecord {
  /** Within the batch's records. */
  readonly index: number;
  readonly until: Promise<unknown>;
}

/** The first `done` records are finished; `dead` names those of them that go to the dead-letter topic, `held` those that
 *  will be finished later. Whoever reads on for the group (a restart, another member) is given the first held record
 *  and **everything behind it** again. With `done < records.length` the partition is paused, and the rest comes again after 100 ms × 2 … 30 s with jitter,
 *  without end; `pause` says why, for the log. */
export interface Outcome {
  readonly done: number;
  readonly dead?: readonly DeadRecord[] | undefined;
  readonly pause?: string | undefined;
  /** Together with those held before at most `heldMax` of the partition; another answer is a failure. */
  readonly held?: readonly HeldRecord[] | undefined;
}

/** Handles one batch; one batch is in flight per partition and group, what arrives meanwhile is the next one. A throw
 *  halves the batch until the record that fails alone is found; after 3 attempts that one is dead-lettered. A thrown
 *  `MqFullError` or `MqUnavailableError` pauses instead: the log is away, the records are good.
 *  `signal` ends when a dispose has waited for the handler as long as it will. */
export type Handler<T> = (batch: Batch<T>, signal: AbortSignal) => Promise<Outcome>;

export interface SubscribeOptions {
  readonly group: string;
  /** Where a group without a committed offset begins. */
  readonly from: "earliest" | "end";
  /** False: nothing is remembered, every subscription begins at `from` (a gateway's own groups). Such a group never
   *  holds up a producer: a volatile topic at its bound drops what the group has not read, and `onReset` tells it. */
  readonly commits: boolean;
  /** Records per batch, at most. */
  readonly recordsMax: number;
  /** Bytes per batch, at most (by `sizeOf` or as stored). */
  readonly bytesMax: number;
  /** Records of one partition that the handler may hold at a time; 0 when absent. With so many held the partition rests,
   *  and goes on when one of them is finished; the others do not notice. What is held keeps its place in the log: a
   *  volatile topic counts it among what waits. */
  readonly heldMax?: number | undefined;
  /** Called when the group did not continue where it was: a rebalance, a lost session, an offset out of range. */
  readonly onReset?: ((reason: string) => void) | undefined;
}

/** Disposing stops new batches, waits for those in flight and commits what they finished. */
export interface Subscription extends AsyncDisposable {
  /** Records of all partitions that this group has not finished. */
  lag(): Promise<number>;
}

export interface MqHealth {
  readonly status: "ok" | "degraded" | "down";
  readonly reason?: string | undefined;
}

export interface Waiting {
  readonly records: number;
  readonly bytes: number;
}

export interface Mq extends AsyncDisposable {
  /** Resolves when the log holds every record. Records of one partition keep the order of the array and of the calls.
   *  @throws MqFullError a bound is reached and nothing was taken.
   *  @throws MqUnavailableError the log is away or closed; whether it took the records is open. */
  send(records: readonly OutRecord[]): Promise<void>;
  /** What is held in memory on behalf of senders: sends that have not resolved, and on volatile topics what a
   *  committing group has still to finish. For one topic, or for all. */
  waiting(topic?: Topic<unknown>): Waiting;
  /** Resolves when the group has its position: what is sent afterwards is delivered to it, also with `from: "end"`. */
  subscribe<T>(topic: Topic<T>, options: SubscribeOptions, handler: Handler<T>): Promise<Subscription>;
  /** Makes the topics that do not exist. Rejects when one exists with another number of partitions. */
  ensureTopics(topics: readonly Topic<unknown>[]): Promise<void>;
  /** How many partitions the topic has here: 0 … n - 1 may be sent to. Makes the topic as a send does. */
  partitionsOf(topic: Topic<unknown>): Promise<number>;
  health(): Promise<MqHealth>;
}

/** Time as the drivers see it; tests bring their own. */
export interface MqClock {
  /** Unix ms. */
  now(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels. */
  after(delayMs: number, run: () => void): () => void;
}

export class MqError extends Error {
  override name = "MqError";
}

/** A bound of waiting records or bytes is reached. Nothing of the call was taken; the caller refuses its own client. */
export class MqFullError extends MqError {
  override name = "MqFullError";
}

/** The log cannot be reached, or is closed. */
export class MqUnavailableError extends MqError {
  override name = "MqUnavailableError";
}

/** Checks value against topic, which a literal in a mixed `send` does not. */
export function outRecord<T>(topic: Topic<T>, key: string | undefined, value: T, headers?: Headers): OutRecord<T> {
  return { topic, key, value, headers };
}

const deadLetterPartitionsProduction = 3;
const deadLetterRetentionMs = 30 * 24 * 3_600_000;

/** `{topic}.dlq`: the original bytes under the original key, one partition (production: three), kept 30 days. */
export function deadLetterTopic<T>(topic: Topic<T>): Topic<T> {
  return {
    name: `${topic.name}.dlq`,
    type: topic.type,
    codec: topic.codec,
    partitions: 1,
    partitionsProduction: deadLetterPartitionsProduction,
    durable: topic.durable,
    retentionMs: deadLetterRetentionMs,
    recordBytesMax: topic.recordBytesMax,
    deadLetter: false,
  };
}

export const systemClock: MqClock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
