import type { Logger } from "../clog/clog.ts";
import type { DurablePartition, DurableTopic } from "./durable-topic.ts";
import type { Instruments } from "./instruments.ts";
import type { MemoryTopic } from "./memory-topic.ts";
import type { MqClock } from "./mq.ts";
import type { SqliteLog } from "./sqlite-log.ts";

export interface Retained {
  readonly memory: Iterable<MemoryTopic<unknown>>;
  readonly durable: Iterable<{ readonly name: string; readonly topic: DurableTopic<unknown> }>;
}

const firstRoundMs = 1000;
const roundMs = 60_000;
const busyRoundMs = 250;
/** Records removed from one partition in one go: some milliseconds of the event loop. */
const recordsPerRound = 1000;

/** Removes what is older than its topic's retention, and the oldest records of all while the file holds more than
 *  `fileBytesMax`. Once a minute; more often while there is much to remove. Returns the function that ends it. */
export function startRetention(
  topics: Retained,
  file: SqliteLog,
  options: { fileBytesMax: number },
  deps: { clock: MqClock; clog: Logger; instruments: Instruments },
): () => void {
  const { clock, clog, instruments } = deps;
  let cancel = clock.after(firstRoundMs, round);

  function round(): void {
    let most = 0;
    try {
      const nowMs = clock.now();
      for (const topic of topics.memory) topic.expire(nowMs);
      for (const { topic } of topics.durable) most = Math.max(most, topic.expire(nowMs, recordsPerRound));
      if (file.usedBytes() > options.fileBytesMax) most = Math.max(most, trimOldest());
    } catch (error) {
      clog.error("retention failed", { err: error });
    }
    cancel = clock.after(most >= recordsPerRound ? busyRoundMs : roundMs, round);
  }

  function trimOldest(): number {
    let oldest: { name: string; partition: DurablePartition<unknown>; ms: number } | undefined;
    for (const { name, topic } of topics.durable) {
      for (const partition of topic.partitions) {
        const ms = file.oldestMs(partition.log);
        if (ms !== undefined && (oldest === undefined || ms < oldest.ms)) oldest = { name, partition, ms };
      }
    }
    if (oldest === undefined) return 0;
    const { name, partition } = oldest;
    const first = file.trim(partition.log, partition.next, recordsPerRound);
    const removed = first - partition.base;
    partition.base = first;
    instruments.dropped(name, "retention", removed);
    return recordsPerRound;
  }

  return () => cancel();
}
