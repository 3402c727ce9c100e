import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type ConsumerDeps, createConsumer } from "./consumer.ts";
import { type DurableTopic, openDurableTopic } from "./durable-topic.ts";
import { type Appended, createGroupCommit } from "./group-commit.ts";
import { createInstruments } from "./instruments.ts";
import { createMemoryTopic, type MemoryLimits, type MemoryTopic, memoryLimits } from "./memory-topic.ts";
import {
  type Mq,
  type MqClock,
  MqFullError,
  MqUnavailableError,
  type OutRecord,
  type Subscription,
  systemClock,
  type Topic,
} from "./mq.ts";
import { partitionOf } from "./partitioner.ts";
import { startRetention } from "./retention.ts";
import { openSqliteLog } from "./sqlite-log.ts";

export interface EmbeddedMqOptions {
  /** The log file of the durable topics, or `:memory:`. Locked while open. */
  readonly file: string;
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly clock?: MqClock | undefined;
  /** 0 … 1, for jitter. */
  readonly random?: (() => number) | undefined;
  /** `X-Source` of the records. */
  readonly source?: string | undefined;
  /** `batch`: every group commit is synced and survives power loss; `os`: it survives a killed process. */
  readonly fsync?: "batch" | "os" | undefined;
  /** Bounds of each volatile topic. */
  readonly limits?: Partial<MemoryLimits> | undefined;
  /** Above it the oldest records of the file are removed. */
  readonly fileBytesMax?: number | undefined;
  /** How long a dispose waits for handlers, twice: before and after it ends their signal. */
  readonly drainMs?: number | undefined;
}

/** Bounds of what waits for the durable topics' next transaction. */
const durableRecordsMax = 10_000;
const durableBytesMax = 32 * 1024 * 1024;

const fileBytesMax = 1024 * 1024 * 1024;
const drainMs = 5000;

interface Known {
  readonly topic: Topic<unknown>;
  readonly memory: MemoryTopic<unknown> | undefined;
  readonly durable: DurableTopic<unknown> | undefined;
  /** What the send under way brings. */
  records: number;
  bytes: number;
  /** Where the next record without a key goes. */
  spread: number;
}

/** The log in this process: volatile topics in memory, durable ones in a SQLite file. A topic exists from its first use.
 *  A volatile topic delivers without a turn of the event loop when idle, and takes the object itself as the value.
 *  Throws when the file cannot be opened or belongs to another process. */
export function createEmbeddedMq(options: EmbeddedMqOptions): Mq {
  const clock = options.clock ?? systemClock;
  const source = options.source ?? "gochat";
  const limits = { ...memoryLimits, ...options.limits };
  const clog = options.clog.namespace("mq");
  const instruments = createInstruments(options.metrics);
  const file = openSqliteLog(options.file, options.fsync ?? "batch");
  const commits = createGroupCommit(file, clock, clog, instruments);
  const topics = new Map<string, Known>();
  const subscriptions = new Set<Subscription>();
  const endRetention = startRetention(
    {
      memory: { [Symbol.iterator]: () => memoryOf(topics.values()) },
      durable: { [Symbol.iterator]: () => durableOf(topics.values()) },
    },
    file,
    { fileBytesMax: options.fileBytesMax ?? fileBytesMax },
    { clock, clog, instruments },
  );
  let closed = false;
  let disposed: Promise<void> | undefined;

  function known(topic: Topic<unknown>): Known {
    const found = topics.get(topic.name);
    if (found === undefined) return open(topic);
    if (found.topic !== topic && found.topic.partitions !== topic.partitions) {
      throw new Error(`topic ${topic.name} has ${found.topic.partitions} partitions, not ${topic.partitions}`);
    }
    return found;
  }

  function open(topic: Topic<unknown>): Known {
    const memory = topic.durable ? undefined : createMemoryTopic(topic, source, limits, instruments);
    const durable = topic.durable ? openDurableTopic(topic, source, file, commits, instruments) : undefined;
    const made: Known = { topic, memory, durable, records: 0, bytes: 0, spread: 0 };
    topics.set(topic.name, made);
    return made;
  }

  const sender = createSender(known, commits, clock);

  const deps: ConsumerDeps = {
    clock,
    random: options.random ?? Math.random,
    clog,
    instruments,
    drainMs: options.drainMs ?? drainMs,
    send: sender,
  };

  async function dispose(): Promise<void> {
    await Promise.all([...subscriptions].map((one) => one[Symbol.asyncDispose]()));
    closed = true;
    endRetention();
    commits.close();
    file.close();
  }

  return {
    send(records) {
      if (closed) return Promise.reject(new MqUnavailableError("the log is closed"));
      return sender(records);
    },
    waiting(topic) {
      if (topic !== undefined) return topics.get(topic.name)?.memory?.waiting() ?? commits.waiting;
      let { records, bytes } = commits.waiting;
      for (const memory of memoryOf(topics.values())) {
        const more = memory.waiting();
        records += more.records;
        bytes += more.bytes;
      }
      return { records, bytes };
    },
    async subscribe(topic, subscribeOptions, handler) {
      if (disposed !== undefined) throw new MqUnavailableError("the log is closed");
      if (subscribeOptions.recordsMax < 1) throw new RangeError("recordsMax is below 1");
      const at = known(topic);
      // One map holds topics of every value type; the topic itself, by its name, says which.
      const joined = (at.memory ?? at.durable)?.join(subscribeOptions);
      if (joined === undefined) throw new Error(`topic ${topic.name} has no store`);
      const consumer = createConsumer(topic, subscribeOptions, handler, joined.starts, joined.store as never, deps);
      subscriptions.add(consumer);
      if (topic.durable) await commits.flushed();
      return {
        lag: () => consumer.lag(),
        async [Symbol.asyncDispose]() {
          await consumer[Symbol.asyncDispose]();
          subscriptions.delete(consumer);
        },
      };
    },
    async ensureTopics(all) {
      if (closed) throw new MqUnavailableError("the log is closed");
      for (const topic of all) known(topic);
    },
    async health() {
      if (closed) return { status: "down", reason: "closed" };
      const reason = commits.failure();
      return reason === undefined ? { status: "ok" } : { status: "down", reason };
    },
    [Symbol.asyncDispose]() {
      disposed ??= dispose();
      return disposed;
    },
  };
}

const sent = Promise.resolve();

/** Takes a send in two passes: first sizes and bounds, then the records, so that a refusal leaves nothing behind. */
function createSender(
  known: (topic: Topic<unknown>) => Known,
  commits: ReturnType<typeof createGroupCommit>,
  clock: MqClock,
): (records: readonly OutRecord[]) => Promise<void> {
  // Reused by every call: a send runs to its end without a pause.
  const sizes: number[] = [];
  const touched: Known[] = [];

  /** Why the records cannot be taken, if so. */
  function measure(records: readonly OutRecord[]): string | undefined {
    let at: Known | undefined;
    let durableRecords = 0;
    let durableBytes = 0;
    for (const { topic, value, partition } of records) {
      if (at?.topic !== topic) {
        at = known(topic);
        if (!touched.includes(at)) touched.push(at);
      }
      if (partition !== undefined && !(partition >= 0 && partition < topic.partitions)) {
        throw new RangeError(`${topic.name} has no partition ${partition}`);
      }
      const bytes = topic.codec.sizeOf(value);
      sizes.push(bytes);
      at.records++;
      at.bytes += bytes;
      if (at.durable !== undefined) {
        durableRecords++;
        durableBytes += bytes;
      }
    }
    for (const { topic, memory, records: more, bytes } of touched) {
      if (memory?.admits(more, bytes) === false) return `topic ${topic.name} holds as much as it may`;
    }
    if (durableRecords === 0) return undefined;
    const { records: waiting, bytes } = commits.waiting;
    const full = waiting + durableRecords > durableRecordsMax || bytes + durableBytes > durableBytesMax;
    return full ? "as much as may waits for the log file" : undefined;
  }

  function take(records: readonly OutRecord[]): Promise<void> {
    const nowMs = clock.now();
    let at: Known | undefined;
    let durable: Appended[] | undefined;
    let durableBytes = 0;
    let key: string | undefined;
    let keyed = 0;
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (record === undefined) continue;
      if (at?.topic !== record.topic) {
        at = known(record.topic);
        key = undefined;
      }
      let index = record.partition;
      if (index === undefined && record.key !== undefined) {
        if (record.key !== key) {
          key = record.key;
          keyed = partitionOf(key, record.topic.partitions);
        }
        index = keyed;
      }
      if (index === undefined) {
        index = at.spread;
        at.spread = (at.spread + 1) % record.topic.partitions;
      }
      if (at.memory !== undefined) {
        at.memory.append(record, index, sizes[i] ?? 0, nowMs);
        continue;
      }
      const partition = at.durable?.partitions[index];
      if (at.durable === undefined || partition === undefined) continue;
      durable ??= [];
      durable.push({ topicName: record.topic.name, partition, record: at.durable.encode(record, nowMs) });
      durableBytes += sizes[i] ?? 0;
    }
    for (const one of touched) one.memory?.appended(one.records);
    return durable === undefined ? sent : commits.append(durable, durableBytes);
  }

  return (records) => {
    try {
      const full = measure(records);
      return full === undefined ? take(records) : Promise.reject(new MqFullError(full));
    } catch (error) {
      return Promise.reject(error);
    } finally {
      for (const one of touched) {
        one.records = 0;
        one.bytes = 0;
      }
      touched.length = 0;
      sizes.length = 0;
    }
  };
}

function* memoryOf(all: Iterable<Known>): Generator<MemoryTopic<unknown>> {
  for (const { memory } of all) if (memory !== undefined) yield memory;
}

function* durableOf(all: Iterable<Known>): Generator<{ name: string; topic: DurableTopic<unknown> }> {
  for (const { topic, durable } of all) if (durable !== undefined) yield { name: topic.name, topic: durable };
}
