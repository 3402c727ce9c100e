import type { DurableTopic } from "./durable-topic.ts";
import type { Appended, GroupCommit } from "./group-commit.ts";
import type { MemoryTopic } from "./memory-topic.ts";
import { type MqClock, MqFullError, type OutRecord, type Topic } from "./mq.ts";
import { partitionOf } from "./partitioner.ts";

/** Bounds of what waits for the durable topics' next transaction. */
const durableRecordsMax = 10_000;
const durableBytesMax = 32 * 1024 * 1024;

/** A topic in use: it is in memory or in the file. */
export interface KnownTopic {
  readonly topic: Topic<unknown>;
  readonly memory: MemoryTopic<unknown> | undefined;
  readonly durable: DurableTopic<unknown> | undefined;
  /** What the send under way brings. */
  records: number;
  bytes: number;
  /** Where the next record without a key goes. */
  spread: number;
}

const sent = Promise.resolve();

/** Takes a send in two passes: first sizes and bounds, then the records, so that a refusal leaves nothing behind. */
export function createSender(
  known: (topic: Topic<unknown>) => KnownTopic,
  commits: GroupCommit,
  clock: MqClock,
): (records: readonly OutRecord[]) => Promise<void> {
  // Reused by every call: a send runs to its end without a pause.
  const sizes: number[] = [];
  const touched: KnownTopic[] = [];

  /** Why the records cannot be taken, if so. */
  function measure(records: readonly OutRecord[]): string | undefined {
    let at: KnownTopic | undefined;
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
    let at: KnownTopic | undefined;
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
