import type { ManualClock } from "./manual-clock.ts";
import type { Batch, Handler, InRecord, Mq, Outcome, OutRecord, SubscribeOptions, Topic } from "./mq.ts";

/** A driver, and what the suite may do with it. Rules that need an absent part are skipped. */
export interface MqUnderTest {
  readonly mq: Mq;
  /** Ends `mq` and gives a driver on the same log, as a process that starts again. */
  readonly restart?: () => Promise<Mq>;
  /** The driver's clock. Without it the suite waits in real time. */
  readonly clock?: ManualClock;
  /** False: the driver takes no `heldMax`. */
  readonly holds?: false;
  /** Volatile records that one topic may hold for a group; undefined where the log is not in memory. */
  readonly recordsMax?: number;
  /** Makes `group`, which has records to read, lose its place on `topic`, as a rebalance or an expired offset does. */
  readonly loseGroup?: (topic: Topic<Value>, group: string) => Promise<void>;
}

export interface Value {
  readonly n: number;
  readonly poison?: boolean;
}

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() };
export const codec: Topic<Value>["codec"] = {
  encode: (value) => utf8.encoder.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(utf8.decoder.decode(bytes)),
  sizeOf: () => 20,
};

const untilMs = 4000;

/** Waits for a condition, never for time. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  for (const endMs = Date.now() + untilMs; !condition(); ) {
    if (Date.now() > endMs) throw new Error(`not reached: ${what}`);
    await Bun.sleep(1);
  }
}

/** Topics of this process, for those who clean up. */
export const topicPrefix = `conformance.${process.pid}.`;

let topicsMade = 0;
export function makeTopic(change: Partial<Topic<Value>> = {}): Topic<Value> {
  topicsMade++;
  const name = `${topicPrefix}${Date.now()}.${topicsMade}`;
  return {
    name,
    type: "test.Value",
    codec,
    partitions: 3,
    durable: true,
    retentionMs: 3_600_000,
    deadLetter: true,
    ...change,
  };
}

export const reading = (group: string, change: Partial<SubscribeOptions> = {}): SubscribeOptions => {
  return { group, from: "earliest", commits: true, recordsMax: 100, bytesMax: 1_000_000, ...change };
};

export const all = (batch: Batch<Value>): Promise<Outcome> => Promise.resolve({ done: batch.records.length });

export function out(topic: Topic<Value>, numbers: readonly number[], key?: (n: number) => string): OutRecord<Value>[] {
  return numbers.map((n) => ({ topic, value: { n }, ...(key === undefined ? { partition: 0 } : { key: key(n) }) }));
}

export const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** A handler that keeps what it is given. */
export function recorder(): {
  batches: number[][];
  records: InRecord<Value>[];
  numbers: () => number[];
  handler: Handler<Value>;
} {
  const batches: number[][] = [];
  const records: InRecord<Value>[] = [];
  return {
    batches,
    records,
    numbers: () => records.map((record) => record.value.n),
    handler: (batch) => {
      batches.push(batch.records.map((record) => record.value.n));
      records.push(...batch.records);
      return all(batch);
    },
  };
}

/** What the rules of one test work on. */
export interface Context {
  readonly under: MqUnderTest;
  readonly mq: Mq;
  /** False where the driver cannot. */
  restart(): Promise<boolean>;
}
