import { type Mq, MqFullError, type OutRecord, type Topic } from "#infra/mq/mq.ts";
import type { MqOptions } from "./mq-options.ts";
import type { Round } from "./mq-result.ts";

/** Sends of one partition under way: the second waits as the next batch while the first is in flight. One in memory,
 *  where a send that is refused at the bound must not be overtaken by another. */
const sendsPerPartition = { durable: 2, memory: 1 } as const;
const group = "bench";
const untilMs = 120_000;

export function benchTopic(name: string, durable: boolean, partitions: number): Topic<Uint8Array> {
  return {
    name,
    type: "bench.Bytes",
    codec: { encode: (value) => value, decode: (bytes) => bytes, sizeOf: (value) => value.byteLength },
    partitions,
    durable,
    retentionMs: 3_600_000,
    deadLetter: false,
  };
}

/** Sends `records` in full batches over all partitions, reads them in the same process, and checks that every one came
 *  once and in order. */
export async function runRound(mq: Mq, topic: Topic<Uint8Array>, options: MqOptions): Promise<Round> {
  const perPartition = Math.ceil(options.records / options.partitions);
  const total = perPartition * options.partitions;
  const seen = new Array<number>(options.partitions).fill(0);
  const faults = { lost: 0, duplicated: 0, reordered: 0 };
  let received = 0;
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const subscribeOptions = { group, from: "earliest", commits: true, recordsMax: 500, bytesMax: 1024 * 1024 } as const;
  const subscription = await mq.subscribe(topic, subscribeOptions, (batch) => {
    for (const { partition, value } of batch.records) {
      const at = new DataView(value.buffer, value.byteOffset).getUint32(0);
      const next = seen[partition] ?? 0;
      if (at < next) faults.duplicated++;
      else if (at > next) faults.reordered++;
      seen[partition] = Math.max(next, at + 1);
    }
    received += batch.records.length;
    if (received >= total) resolve();
    return Promise.resolve({ done: batch.records.length });
  });

  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const sends: Promise<void>[] = [];
  const parallel = topic.durable ? sendsPerPartition.durable : sendsPerPartition.memory;
  for (let partition = 0; partition < options.partitions; partition++) {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < perPartition) {
        const count = Math.min(options.batch, perPartition - next);
        const batch = Array.from({ length: count }, (_, i) => recordOf(topic, partition, next + i, options.size));
        next += count;
        await sendWhole(mq, batch);
      }
    };
    for (let i = 0; i < parallel; i++) sends.push(lane());
  }
  await Promise.all(sends);
  const timer = setTimeout(resolve, untilMs);
  await all;
  clearTimeout(timer);
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await subscription[Symbol.asyncDispose]();
  faults.lost = Math.max(0, total - (received - faults.duplicated));
  return { recordsPerSecond: total / seconds, cpuUsPerRecord: (user + system) / total, ...faults };
}

function recordOf(topic: Topic<Uint8Array>, partition: number, at: number, size: number): OutRecord<Uint8Array> {
  const value = new Uint8Array(size);
  new DataView(value.buffer).setUint32(0, at);
  return { topic, partition, value };
}

/** At a bound the reader goes first. */
async function sendWhole(mq: Mq, batch: readonly OutRecord<Uint8Array>[]): Promise<void> {
  for (;;) {
    try {
      await mq.send(batch);
      return;
    } catch (error) {
      if (!(error instanceof MqFullError)) throw error;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}
