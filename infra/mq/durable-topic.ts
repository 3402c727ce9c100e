import type { ConsumerStore } from "./consumer.ts";
import type { GroupCommit } from "./group-commit.ts";
import { header, recordHeaders } from "./headers.ts";
import type { Instruments } from "./instruments.ts";
import type { Lane, PartitionLog, Read } from "./lane.ts";
import type { Headers, OutRecord, SubscribeOptions, Topic } from "./mq.ts";
import type { ReadRecord, SqliteLog, StoredRecord } from "./sqlite-log.ts";

/** A topic in the log file. */
export interface DurableTopic<T> {
  readonly partitions: readonly DurablePartition<T>[];
  encode(record: OutRecord<T>, nowMs: number): StoredRecord;
  /** Takes the group's place. Throws when the group reads this topic already. */
  join(options: SubscribeOptions): { starts: number[]; store: ConsumerStore<T> };
  /** Removes up to `recordsMax` records per partition that are past the retention. Returns how many. */
  expire(nowMs: number, recordsMax: number): number;
}

export interface DurablePartition<T> extends PartitionLog<T> {
  readonly log: number;
  readonly readers: Lane[];
  /** Offset of the first record, and of the next one to come. */
  base: number;
  next: number;
}

/** Opens or makes the topic. Throws SQLite's errors, and when the file has it with other partitions. */
export function openDurableTopic<T>(
  topic: Topic<T>,
  source: string,
  file: SqliteLog,
  commits: GroupCommit,
  instruments: Instruments,
): DurableTopic<T> {
  const partitions = file.openTopic(topic.name, topic.partitions).map((row, index): DurablePartition<T> => {
    const partition: DurablePartition<T> = {
      log: row.log,
      readers: [],
      base: row.first,
      next: row.next,
      first: () => partition.base,
      end: () => partition.next,
      read: (from, recordsMax, bytesMax) => decodeAll(topic, index, file.read(row.log, from, recordsMax, bytesMax)),
    };
    return partition;
  });
  const groups = new Set<string>();

  return {
    partitions,
    encode: (record, nowMs) => ({
      key: record.key,
      value: record.topic.codec.encode(record.value),
      headers: JSON.stringify(recordHeaders(topic.type, source, nowMs, record.headers)),
      producedAtMs: nowMs,
    }),
    join(options) {
      const { group } = options;
      if (groups.has(group)) throw new Error(`group ${group} reads ${topic.name} already`);
      groups.add(group);
      const starts = partitions.map(({ log, base, next }) => {
        const known = options.commits ? (commits.committing(group, log) ?? file.committed(group, log)) : undefined;
        return known ?? (options.from === "end" ? next : base);
      });
      // "end" is a position like any other: what comes now belongs to this group, also after a restart.
      if (options.commits)
        for (const [i, start] of starts.entries()) commits.commit(group, partitions[i]?.log ?? 0, start);
      const store: ConsumerStore<T> = {
        logs: partitions,
        attach(lanes) {
          for (const [index, lane] of lanes.entries()) partitions[index]?.readers.push(lane);
        },
        moved(index, mark) {
          const partition = partitions[index];
          if (options.commits && partition !== undefined) commits.commit(group, partition.log, mark);
        },
        async detach(lanes) {
          groups.delete(group);
          for (const [index, lane] of lanes.entries()) {
            const readers = partitions[index]?.readers ?? [];
            readers.splice(readers.indexOf(lane), 1);
          }
          if (options.commits) await commits.flushed();
        },
      };
      return { starts, store };
    },
    expire(nowMs, recordsMax) {
      let removed = 0;
      for (const partition of partitions) {
        const first = file.expire(partition.log, partition.next, nowMs - topic.retentionMs, recordsMax);
        removed += Math.max(0, first - partition.base);
        partition.base = first;
      }
      if (removed > 0) instruments.dropped(topic.name, "retention", removed);
      return removed;
    },
  };
}

function decodeAll<T>(topic: Topic<T>, partition: number, rows: readonly ReadRecord[]): Read<T> {
  const records: Read<T>["records"] = [];
  for (const row of rows) {
    const { key, value: raw, producedAtMs } = row;
    const headers = headersOf(row.headers);
    const traceparent = headers[header.traceparent];
    const record = { partition, offset: BigInt(row.offset), key, raw, producedAtMs, headers, traceparent };
    try {
      records.push({ ...record, value: topic.codec.decode(raw) });
    } catch (error) {
      // What comes before it is handled first.
      if (records.length > 0) break;
      return { records, broken: { record, message: error instanceof Error ? error.message : String(error) } };
    }
  }
  return { records };
}

function headersOf(json: string): Headers {
  const headers: Headers = JSON.parse(json);
  return headers;
}
