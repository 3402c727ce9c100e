import type { ConsumerStore } from "./consumer.ts";
import type { DropReason, Instruments } from "./instruments.ts";
import type { Lane, PartitionLog } from "./lane.ts";
import { MemoryRecord } from "./memory-record.ts";
import type { OutRecord, SubscribeOptions, Topic, Waiting } from "./mq.ts";
import { createRing, type Ring } from "./ring.ts";

/** Bounds of one volatile topic. */
export interface MemoryLimits {
  /** Records held for groups that have still to finish them; further ones are refused. */
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Records kept while no group reads the topic; further ones push out the oldest. */
  readonly unreadRecordsMax: number;
  readonly unreadBytesMax: number;
}

export const memoryLimits: MemoryLimits = {
  recordsMax: 10_000,
  bytesMax: 32 * 1024 * 1024,
  unreadRecordsMax: 1000,
  unreadBytesMax: 4 * 1024 * 1024,
};

/** A topic in memory. A record is kept until every group has finished it: subscribed groups, and committing ones that
 *  left and may come back. Without any group the newest few are kept for the first one to come. */
export interface MemoryTopic<T> {
  /** Whether so much more may be held. Drops what no committing group is owed before it says no. */
  admits(records: number, bytes: number): boolean;
  append(record: OutRecord<T>, partition: number, bytes: number, nowMs: number): void;
  /** Ends a round of appends. */
  appended(count: number): void;
  waiting(): Waiting;
  /** Drops what is older than the retention, read or not. */
  expire(nowMs: number): void;
  /** Takes the group's place. Throws when the group reads this topic already. */
  join(options: SubscribeOptions): { starts: number[]; store: ConsumerStore<T> };
}

interface Partition<T> extends PartitionLog<T> {
  readonly ring: Ring<MemoryRecord<T>>;
  /** Position of the ring's first record. */
  base: number;
  /** Of the records in the ring. */
  bytes: number;
  readonly readers: Lane[];
  /** The readers whose group commits: nothing is taken from under them. */
  readonly owed: Lane[];
  /** Where committing groups stopped that are not subscribed now. */
  readonly parked: Map<string, number>;
}

export function createMemoryTopic<T>(
  topic: Topic<T>,
  source: string,
  limits: MemoryLimits,
  instruments: Instruments,
): MemoryTopic<T> {
  const partitions = Array.from({ length: topic.partitions }, () => createPartition<T>());
  const groups = new Map<string, SubscribeOptions>();
  const leftRecordsMax = Math.ceil(limits.unreadRecordsMax / topic.partitions);
  let records = 0;
  let bytes = 0;

  function drop(partition: Partition<T>, count: number): void {
    const dropped = bytesOf(partition, count);
    bytes -= dropped;
    partition.bytes -= dropped;
    partition.ring.drop(count);
    partition.base += count;
    records -= count;
  }

  /** Lets go of what every reader has passed. Of what only groups that left have still to read, a few are kept. */
  function release(partition: Partition<T>): void {
    if (partition.readers.length === 0) return;
    const passed = Math.min(
      lowest(partition.readers, Number.POSITIVE_INFINITY) - partition.base,
      partition.ring.length,
    );
    let kept = 0;
    for (const position of partition.parked.values()) kept = Math.max(kept, partition.base + passed - position);
    const excess = kept - leftRecordsMax;
    if (excess > 0) {
      kept = leftRecordsMax;
      instruments.dropped(topic.name, "unread", Math.min(excess, passed - kept));
    }
    if (passed > kept) drop(partition, passed - kept);
  }

  /** Drops the oldest records that nobody is owed until the bounds hold, or none is left. */
  function evict(recordsMax: number, bytesMax: number, reason: DropReason): void {
    let dropped = 0;
    while (records > recordsMax || bytes > bytesMax) {
      const oldest = oldestFree(partitions);
      if (oldest === undefined) break;
      drop(oldest, 1);
      dropped++;
    }
    if (dropped > 0) instruments.dropped(topic.name, reason, dropped);
  }

  return {
    admits(moreRecords, moreBytes) {
      const recordsMax = limits.recordsMax - moreRecords;
      const bytesMax = limits.bytesMax - moreBytes;
      if (recordsMax < 0 || bytesMax < 0) return false;
      if (records > recordsMax || bytes > bytesMax) evict(recordsMax, bytesMax, "overrun");
      return records <= recordsMax && bytes <= bytesMax;
    },
    append(record, index, size, nowMs) {
      const partition = partitions[index];
      if (partition === undefined) throw new RangeError(`${topic.name} has no partition ${index}`);
      partition.ring.push(new MemoryRecord(record, index, partition.end(), size, nowMs, source));
      records++;
      bytes += size;
      partition.bytes += size;
      for (const lane of partition.readers) lane.wake();
    },
    appended(count) {
      instruments.produced(topic.name, count);
      if (groups.size === 0) evict(limits.unreadRecordsMax, limits.unreadBytesMax, "unread");
    },
    waiting() {
      const waiting = { records, bytes };
      for (const partition of partitions) {
        // Below 0 where held records grew older than the retention.
        const passed = Math.max(0, lowest(partition.owed, Number.POSITIVE_INFINITY) - partition.base);
        const free = Math.min(passed, partition.ring.length);
        waiting.records -= free;
        waiting.bytes -= bytesOf(partition, free);
      }
      return waiting;
    },
    expire(nowMs) {
      let dropped = 0;
      for (const partition of partitions) {
        let old = 0;
        while ((partition.ring.at(old)?.producedAtMs ?? nowMs) < nowMs - topic.retentionMs) old++;
        drop(partition, old);
        dropped += old;
      }
      if (dropped > 0) instruments.dropped(topic.name, "retention", dropped);
    },
    join(options) {
      const { group } = options;
      if (groups.has(group)) throw new Error(`group ${group} reads ${topic.name} already`);
      groups.set(group, options);
      const starts = partitions.map((partition) => {
        const parked = options.commits ? partition.parked.get(group) : undefined;
        partition.parked.delete(group);
        return parked ?? (options.from === "end" ? partition.end() : partition.base);
      });
      const store: ConsumerStore<T> = {
        logs: partitions,
        attach(lanes) {
          for (const [index, lane] of lanes.entries()) {
            partitions[index]?.readers.push(lane);
            if (options.commits) partitions[index]?.owed.push(lane);
          }
        },
        moved(index) {
          const partition = partitions[index];
          if (partition !== undefined) release(partition);
        },
        detach(lanes) {
          groups.delete(group);
          for (const [index, lane] of lanes.entries()) {
            const partition = partitions[index];
            if (partition === undefined) continue;
            remove(partition.readers, lane);
            remove(partition.owed, lane);
            if (options.commits) partition.parked.set(group, lane.mark);
            release(partition);
          }
          return Promise.resolve();
        },
      };
      return { starts, store };
    },
  };
}

function createPartition<T>(): Partition<T> {
  const ring = createRing<MemoryRecord<T>>();
  const partition: Partition<T> = {
    ring,
    base: 0,
    bytes: 0,
    readers: [],
    owed: [],
    parked: new Map(),
    first: () => partition.base,
    end: () => partition.base + ring.length,
    read(from, recordsMax, bytesMax) {
      const records: MemoryRecord<T>[] = [];
      let bytes = 0;
      for (let i = from - partition.base; records.length < recordsMax; i++) {
        const record = ring.at(i);
        if (record === undefined) break;
        bytes += record.bytes;
        if (bytes > bytesMax && records.length > 0) break;
        records.push(record);
      }
      return { records };
    },
  };
  return partition;
}

/** Bytes of the first `count` records. */
function bytesOf({ ring, bytes }: Partition<unknown>, count: number): number {
  if (count === ring.length) return bytes;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += ring.at(i)?.bytes ?? 0;
  return sum;
}

/** The partition whose first record is the oldest of those that no committing reader still needs. */
function oldestFree<T>(partitions: readonly Partition<T>[]): Partition<T> | undefined {
  let oldest: Partition<T> | undefined;
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const partition of partitions) {
    const first = partition.ring.at(0);
    if (first === undefined || first.producedAtMs >= oldestMs) continue;
    if (lowest(partition.owed, Number.POSITIVE_INFINITY) <= partition.base) continue;
    oldest = partition;
    oldestMs = first.producedAtMs;
  }
  return oldest;
}

function lowest(lanes: readonly Lane[], otherwise: number): number {
  let position = otherwise;
  for (const lane of lanes) position = Math.min(position, lane.mark);
  return position;
}

function remove<T>(from: T[], item: T): void {
  const at = from.indexOf(item);
  if (at >= 0) from.splice(at, 1);
}
