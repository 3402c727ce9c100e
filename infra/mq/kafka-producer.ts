import { type Breaker, BreakerOpenError } from "../breaker/breaker.ts";
import type { Logger } from "../clog/clog.ts";
import type { KafkaSettings } from "./config.ts";
import type { Instruments } from "./instruments.ts";
import { type Batched, Call, type OutTopic, PartitionQueue } from "./kafka-queue.ts";
import { messageOfRecord } from "./kafka-record.ts";
import type { KafkaSender } from "./kafka-sender.ts";
import { type KafkaTopics, messageOf, type TopicFacts, valueBytesMax } from "./kafka-topics.ts";
import {
  type MqClock,
  MqError,
  MqFullError,
  MqUnavailableError,
  type OutRecord,
  type Topic,
  type Waiting,
} from "./mq.ts";
import { partitionOf } from "./partitioner.ts";

/** One batch of a topic partition. */
const batchRecordsMax = 500;
const batchBytesMax = 512 * 1024;
/** One request to a broker. */
const requestBytesMax = 4 * 1024 * 1024;
/** A partition whose batch is in flight for so long takes no more. */
const stallMs = 3000;

export interface KafkaProducerDeps {
  readonly sender: KafkaSender;
  readonly topics: KafkaTopics;
  readonly breaker: Breaker;
  readonly clock: MqClock;
  readonly clog: Logger;
  readonly instruments: Instruments;
  /** `X-Source` of the records. */
  readonly source: string;
}

export interface KafkaProducer {
  send(records: readonly OutRecord[]): Promise<void>;
  waiting(topic?: Topic<unknown>): Waiting;
  /** Refuses what comes now and waits for what was taken, at most as long as one delivery may take. */
  close(): Promise<void>;
}

/** A record with its way known. */
interface Addressed {
  readonly record: OutRecord;
  readonly out: OutTopic;
}

/** Batches of our own: what arrives while a batch of its partition is in flight is the next one, and what waits for the
 *  same broker at the end of a turn of the event loop shares a request. Never two batches of one partition in flight, so
 *  a repeat cannot overtake. */
export function createKafkaProducer(settings: KafkaSettings, deps: KafkaProducerDeps): KafkaProducer {
  const { breaker, clock, clog, instruments, source } = deps;
  const outTopics = new Map<string, OutTopic>();
  const total = { records: 0, bytes: 0 };
  let ready: PartitionQueue[] = [];
  let scheduled = false;
  let closed = false;
  let failing = false;
  /** Sends that wait for a topic's partitions to be known; later ones wait behind them, so that order holds. */
  let tail: Promise<void> | undefined;
  let onIdle: (() => void) | undefined;

  function outTopic(name: string): OutTopic {
    let found = outTopics.get(name);
    if (found === undefined) {
      found = { name, queues: [], records: 0, bytes: 0, spread: 0 };
      outTopics.set(name, found);
    }
    return found;
  }

  function count(out: OutTopic, records: number, bytes: number): void {
    out.records += records;
    out.bytes += bytes;
    total.records += records;
    total.bytes += bytes;
    if (total.records === 0) onIdle?.();
  }

  function learned(out: OutTopic, { partitions, leaders }: TopicFacts): void {
    for (let i = 0; i < partitions; i++) {
      const leader = leaders[i] ?? -1;
      const queue = out.queues[i];
      if (queue === undefined) out.queues.push(new PartitionQueue(out.name, i, leader));
      else queue.leader = leader;
    }
  }

  function partitionFor({ record, out }: Addressed): PartitionQueue {
    const { partition, key, topic } = record;
    let index = partition;
    if (index === undefined && key !== undefined) index = partitionOf(key, out.queues.length);
    if (index === undefined) {
      index = out.spread % out.queues.length;
      out.spread = index + 1;
    }
    const queue = out.queues[index];
    if (queue === undefined) throw new RangeError(`${topic.name} has no partition ${index}`);
    return queue;
  }

  /** Takes the records of a call whose topics are known. All or nothing. */
  function place(records: readonly Addressed[]): Promise<void> {
    const nowMs = clock.now();
    const call = new Call(records.length);
    const placed = records.map((one) => {
      const queue = partitionFor(one);
      if (queue.sinceMs !== undefined && nowMs - queue.sinceMs > stallMs) {
        throw new MqUnavailableError(`${queue.topic}/${queue.partition} has not been acknowledged for ${stallMs} ms`);
      }
      const message = messageOfRecord(one.record, queue.partition, source, nowMs);
      const bytes = message.value?.length ?? 0;
      if (bytes > valueBytesMax(one.record.topic)) {
        throw new MqError(`a record of ${bytes} bytes is too large for ${queue.topic}`);
      }
      return { queue, out: one.out, message, bytes };
    });
    for (const { queue, out, message, bytes } of placed) {
      count(out, 1, bytes);
      if (queue.empty && queue.sinceMs === undefined) ready.push(queue);
      queue.push({ message, bytes, call });
    }
    schedule();
    return call.promise;
  }

  // At the end of the turn: what other handlers send in it goes along.
  function schedule(): void {
    if (scheduled || ready.length === 0) return;
    scheduled = true;
    setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    const byLeader = new Map<number, { parts: Batched[]; bytes: number }>();
    for (const queue of ready) {
      let group = byLeader.get(queue.leader);
      const part = queue.take(batchRecordsMax, batchBytesMax);
      if (group !== undefined && group.bytes + part.bytes > requestBytesMax) {
        void deliver(group.parts);
        group = undefined;
      }
      if (group === undefined) {
        group = { parts: [], bytes: 0 };
        byLeader.set(queue.leader, group);
      }
      group.parts.push(part);
      group.bytes += part.bytes;
    }
    ready = [];
    for (const { parts } of byLeader.values()) void deliver(parts);
  }

  /** Never rejects. */
  async function deliver(parts: readonly Batched[]): Promise<void> {
    const startedMs = clock.now();
    for (const { queue } of parts) queue.sinceMs = startedMs;
    let sent: Promise<void> = Promise.resolve();
    try {
      await breaker.do(() => {
        sent = deps.sender.send(parts);
        return within(sent, settings.deliveryTimeout, clock);
      });
      end(parts, undefined);
    } catch (error) {
      end(parts, refusal(error));
      // The client may still try: only when it has given up may the partition's next batch begin.
      await sent.catch(() => {});
      if (!(error instanceof BreakerOpenError)) relearn(parts);
    }
    for (const { queue } of parts) {
      queue.sinceMs = undefined;
      if (!queue.empty) ready.push(queue);
    }
    schedule();
  }

  function end(parts: readonly Batched[], error: MqUnavailableError | undefined): void {
    for (const { queue, pending, bytes } of parts) {
      count(outTopic(queue.topic), -pending.length, -bytes);
      if (error === undefined) instruments.produced(queue.topic, pending.length);
      for (const { call } of pending) {
        if (error === undefined) call.done(1);
        else call.failed(error);
      }
    }
    if (error === undefined) {
      if (failing) clog.info("produce works again");
      failing = false;
      return;
    }
    const fields = { topics: topicsOf(parts), reason: error.message };
    if (failing) clog.debug("produce failed again", fields);
    else clog.warn("produce failed", fields);
    failing = true;
  }

  const known = new Map<string, Topic<unknown>>();

  /** Leaders may have moved, or the topic may be gone. In the background: nobody waits for it. */
  function relearn(parts: readonly Batched[]): void {
    for (const name of topicsOf(parts)) {
      const topic = known.get(name);
      if (topic === undefined || closed) continue;
      deps.topics.learn(topic).then(
        (facts) => learned(outTopic(name), facts),
        (error: unknown) => clog.debug("topic cannot be looked up", { topic: name, err: error }),
      );
    }
  }

  /** Places the call when its topics are known and every call before it is placed. */
  async function placeLater(
    records: readonly Addressed[],
    before: Promise<void> | undefined,
  ): Promise<Promise<void>[]> {
    await before;
    for (const { record, out } of records) {
      if (out.queues.length > 0) continue;
      known.set(out.name, record.topic);
      learned(out, await breaker.do(() => deps.topics.learn(record.topic)));
    }
    // In a list: the caller waits for the placing, not for the delivery.
    return [place(records)];
  }

  function send(records: readonly OutRecord[]): Promise<void> {
    if (closed) return Promise.reject(new MqUnavailableError("the log is closed"));
    if (breaker.state === "open") return Promise.reject(new MqUnavailableError("the brokers are away"));
    if (records.length === 0) return Promise.resolve();
    let bytes = 0;
    let unknown = tail !== undefined;
    const addressed = records.map((record): Addressed => {
      bytes += record.topic.codec.sizeOf(record.value);
      const out = outTopic(record.topic.name);
      unknown ||= out.queues.length === 0;
      return { record, out };
    });
    const { records: waiting, bytes: waitingBytes } = total;
    // A call alone is always taken: refused once, it would be refused for ever.
    const full = waiting + records.length > settings.waitingRecords || waitingBytes + bytes > settings.waitingBytes;
    if (full && waiting > 0) return Promise.reject(new MqFullError("as much as may waits for the brokers"));
    if (!unknown) return attempt(() => place(addressed));
    return sendLater(addressed);
  }

  async function sendLater(records: readonly Addressed[]): Promise<void> {
    // Counted as long as they wait for their topics; `place` counts them anew, by their real size.
    for (const { out } of records) count(out, 1, 0);
    const placing = placeLater(records, tail).finally(() => {
      for (const { out } of records) count(out, -1, 0);
    });
    const mine = placing.then(
      () => {},
      () => {},
    );
    tail = mine;
    void mine.then(() => {
      if (tail === mine) tail = undefined;
    });
    try {
      const [delivered] = await placing;
      await delivered;
    } catch (error) {
      throw error instanceof BreakerOpenError ? refusal(error) : error;
    }
  }

  return {
    send,
    waiting(topic) {
      const from = topic === undefined ? total : outTopics.get(topic.name);
      return { records: from?.records ?? 0, bytes: from?.bytes ?? 0 };
    },
    async close() {
      closed = true;
      if (total.records === 0) return;
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve;
      });
      await within(idle, settings.deliveryTimeout, clock).catch((error: unknown) => {
        clog.error("records were not acknowledged before the close", { records: total.records, err: error });
      });
    },
  };
}

function topicsOf(parts: readonly Batched[]): string[] {
  return [...new Set(parts.map(({ queue }) => queue.topic))];
}

function refusal(error: unknown): MqUnavailableError {
  if (error instanceof BreakerOpenError) return new MqUnavailableError("the brokers are away", { cause: error });
  return new MqUnavailableError(`the brokers did not take the records: ${messageOf(error)}`, { cause: error });
}

function attempt(run: () => Promise<void>): Promise<void> {
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What `work` gives, or a rejection after `ms`. */
export function within<T>(work: Promise<T>, ms: number, clock: MqClock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(new Error(`no answer within ${ms} ms`)));
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}
