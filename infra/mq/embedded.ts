import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type ConsumerDeps, createConsumer } from "./consumer.ts";
import { type DurableTopic, openDurableTopic } from "./durable-topic.ts";
import { createGroupCommit } from "./group-commit.ts";
import { createInstruments } from "./instruments.ts";
import { createMemoryTopic, type MemoryLimits, type MemoryTopic, memoryLimits } from "./memory-topic.ts";
import { type Mq, type MqClock, MqUnavailableError, type Subscription, systemClock, type Topic } from "./mq.ts";
import { startRetention } from "./retention.ts";
import { createSender, type KnownTopic } from "./sender.ts";
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

const fileBytesMax = 1024 * 1024 * 1024;
const drainMs = 5000;

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
  const topics = new Map<string, KnownTopic>();
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

  function known(topic: Topic<unknown>): KnownTopic {
    const found = topics.get(topic.name);
    if (found === undefined) return open(topic);
    if (found.topic !== topic && found.topic.partitions !== topic.partitions) {
      throw new Error(`topic ${topic.name} has ${found.topic.partitions} partitions, not ${topic.partitions}`);
    }
    return found;
  }

  function open(topic: Topic<unknown>): KnownTopic {
    const memory = topic.durable ? undefined : createMemoryTopic(topic, source, limits, instruments);
    const durable = topic.durable ? openDurableTopic(topic, source, file, commits, instruments) : undefined;
    const made: KnownTopic = { topic, memory, durable, records: 0, bytes: 0, spread: 0 };
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
    async partitionsOf(topic) {
      return known(topic).topic.partitions;
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

function* memoryOf(all: Iterable<KnownTopic>): Generator<MemoryTopic<unknown>> {
  for (const { memory } of all) if (memory !== undefined) yield memory;
}

function* durableOf(all: Iterable<KnownTopic>): Generator<{ name: string; topic: DurableTopic<unknown> }> {
  for (const { topic, durable } of all) if (durable !== undefined) yield { name: topic.name, topic: durable };
}
