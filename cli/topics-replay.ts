import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { header } from "#infra/mq/headers.ts";
import { connectKafkaMq } from "#infra/mq/kafka.ts";
import type { TopicDetails } from "#infra/mq/kafka-admin.ts";
import {
  type Codec,
  deadLetterTopic,
  type InRecord,
  type Mq,
  MqUnavailableError,
  type OutRecord,
  type Topic,
} from "#infra/mq/mq.ts";
import { UsageError } from "./command-line.ts";
import type { TopicsContext, Verb } from "./topics-view.ts";

/** Its committed offsets are what was replayed before. */
export const replayGroup = "gochat.replay.group";

/** Records and bytes of one batch. */
const recordsMax = 100;
const bytesMax = 1024 * 1024;
/** The longest wait for the next record, ms. */
const silenceMs = 30_000;
const lookMs = 50;

const bytesCodec: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (bytes) => bytes,
  sizeOf: (value) => value.byteLength,
};

/**
 * Produces the dead letters of a topic into it again: the same bytes, key and headers, `X-Attempts` among them (spec 50 §5).
 * Takes those that were there at the start and that no replay has taken before. A crash in the middle may repeat some;
 * every consumer is idempotent. A dry run only names them.
 */
export const replay: Verb = async (context) => {
  const { admin, settings, options, print } = context;
  const origin = originOf(options.words[0] ?? "", context.topics);
  const dead: Topic<Uint8Array> = { ...deadLetterTopic(origin), codec: bytesCodec };
  const [details, group] = await Promise.all([admin.describe(dead.name), admin.group(replayGroup)]);
  if (details === undefined) {
    print(`There is no topic ${dead.name} on this cluster.`);
    return 1;
  }
  if (group !== undefined && group.members.length > 0) {
    print("Another replay is running.");
    return 1;
  }
  const replayed = new Map(
    group?.positions.filter(({ topic }) => topic === dead.name).map((one) => [one.partition, one.committed]),
  );
  const ranges = rangesOf(details, replayed);
  const waiting = [...ranges.values()].reduce((all, { from, to }) => all + Number(to - from), 0);
  if (waiting > 0) {
    await using mq = await connectKafkaMq(settings, { clog: silentLogger, metrics: createMetrics(), source: "replay" });
    await take({ ...context, mq, dead, origin, ranges, waiting });
  }
  const what = waiting === 1 ? "1 dead letter" : `${waiting} dead letters`;
  print(options.dryRun ? `${what} of ${origin.name} would be replayed.` : `${what} of ${origin.name} replayed.`);
  return 0;
};

/** The topic, by its own name or by that of its dead letters. */
function originOf(name: string, topics: readonly Topic<unknown>[]): Topic<unknown> {
  const withDead = topics.filter(({ deadLetter }) => deadLetter);
  const found = withDead.find((topic) => name === topic.name || name === deadLetterTopic(topic).name);
  if (found !== undefined) return found;
  const names = withDead.map((topic) => topic.name).join(", ");
  throw new UsageError(`There are no dead letters of "${name}". Topics that have some: ${names}.`);
}

interface Range {
  readonly from: bigint;
  /** Behind the last one. */
  readonly to: bigint;
}

export function rangesOf({ partitions }: TopicDetails, replayed: ReadonlyMap<number, bigint>): Map<number, Range> {
  return new Map(
    partitions.map(({ partition, low, high }) => {
      const done = replayed.get(partition) ?? 0n;
      const from = done > low ? done : low;
      return [partition, { from: from > high ? high : from, to: high }];
    }),
  );
}

interface Taking extends TopicsContext {
  readonly mq: Mq;
  readonly dead: Topic<Uint8Array>;
  readonly origin: Topic<unknown>;
  readonly ranges: ReadonlyMap<number, Range>;
  readonly waiting: number;
}

/** Resolves when every record of the ranges was taken; rejects when none comes any more. */
async function take({ mq, dead, origin, ranges, waiting, options, print }: Taking): Promise<void> {
  let taken = 0;
  let lastMs = performance.now();
  // A dry run reads in a group of its own and commits nothing.
  const group = options.dryRun ? `${replayGroup}.${crypto.randomUUID()}` : replayGroup;
  const reading = { group, from: "earliest", commits: !options.dryRun, recordsMax, bytesMax } as const;
  await using _ = await mq.subscribe(dead, reading, async ({ partition, records }) => {
    const range = ranges.get(partition) ?? { from: 0n, to: 0n };
    const before = records.filter(({ offset }) => offset < range.to);
    const chosen = before.filter(({ offset }) => offset >= range.from);
    if (options.dryRun) for (const record of chosen) print(lineOf(record));
    else if (chosen.length > 0) await mq.send(chosen.map((record) => again(origin, record)));
    taken += chosen.length;
    lastMs = performance.now();
    return before.length === records.length
      ? { done: records.length }
      : { done: before.length, pause: "came after the start" };
  });
  while (taken < waiting) {
    if (performance.now() - lastMs > silenceMs)
      throw new MqUnavailableError(
        `${taken} of ${waiting} dead letters were read, then no more came within ${silenceMs / 1000} s.`,
      );
    await Bun.sleep(lookMs);
  }
}

/** A record without a key goes where it was. */
function again(origin: Topic<unknown>, { key, value, headers }: InRecord<Uint8Array>): OutRecord<Uint8Array> {
  const topic: Topic<Uint8Array> = { ...origin, codec: bytesCodec };
  if (key !== undefined) return { topic, key, value, headers };
  return { topic, partition: Number(headers[header.originPartition] ?? 0), value, headers };
}

/** Where it came from and why; nothing of what it says. */
function lineOf({ headers, key, partition, offset }: InRecord<Uint8Array>): string {
  const of = (name: string): string => headers[name] ?? "-";
  const failedAt = new Date(Number(headers[header.failedAt] ?? 0)).toISOString();
  const from = `${of(header.originPartition)}/${of(header.originOffset)}`;
  return (
    `${partition}/${offset} from ${from} key ${key ?? "-"} ${of(header.errorCode)} (${of(header.errorMessage)}) ` +
    `attempts ${of(header.attempts)} group ${of(header.group)} at ${failedAt}`
  );
}
