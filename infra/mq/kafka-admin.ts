import { readFileSync } from "node:fs";
import { type Admin, ConfigResourceTypes } from "kafkajs";
import type { Logger } from "../clog/clog.ts";
import type { KafkaSettings } from "./config.ts";
import { createKafkaClient, retryOf } from "./kafka-client.ts";
import { createKafkaGroups, type KafkaGroups } from "./kafka-groups.ts";
import { createKafkaTopics, messageOf, ofNewTopics } from "./kafka-topics.ts";
import { MqUnavailableError, type Topic } from "./mq.ts";

export interface TopicRow {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
}

export interface PartitionRow {
  readonly partition: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
  readonly low: bigint;
  /** Offset of the next record. */
  readonly high: bigint;
}

export interface TopicDetails {
  readonly name: string;
  readonly partitions: readonly PartitionRow[];
  /** Settings that are not the broker's defaults. */
  readonly config: Readonly<Record<string, string>>;
}

export interface LagRow {
  readonly group: string;
  readonly topic: string;
  /** Records that the group has not finished, on partitions where it has committed. */
  readonly lag: bigint;
  readonly partitions: number;
}

/** What operators ask a cluster. Every call may reject with the client's errors. */
export interface KafkaAdmin extends KafkaGroups, AsyncDisposable {
  /** As `Mq.ensureTopics`. Answers the names of those that were made. */
  create(topics: readonly Topic<unknown>[]): Promise<string[]>;
  /** Every topic whose name begins with `prefix`, by name. */
  list(prefix: string): Promise<TopicRow[]>;
  /** Undefined when there is no such topic. */
  describe(name: string): Promise<TopicDetails | undefined>;
  /** Of one group, or of all that have committed anything. */
  lag(group: string | undefined): Promise<LagRow[]>;
  /** For topics of tests and benches. */
  remove(names: readonly string[]): Promise<void>;
}

/** Rejects with MqUnavailableError when no broker answers. */
export async function connectKafkaAdmin(settings: KafkaSettings, clog: Logger): Promise<KafkaAdmin> {
  const kafka = createKafkaClient(settings, clog, (path) => readFileSync(path, "utf8"));
  const admin = kafka.admin({ retry: retryOf(settings.retries) });
  try {
    await admin.connect();
  } catch (error) {
    await admin.disconnect().catch(() => {});
    const where = settings.brokers.join(", ");
    throw new MqUnavailableError(`no Kafka broker answers at ${where}: ${messageOf(error)}`, { cause: error });
  }
  const topics = createKafkaTopics(admin, settings);
  return {
    ...createKafkaGroups(admin),
    async create(wanted) {
      const before = new Set(await admin.listTopics());
      await topics.ensure(wanted);
      return (await admin.listTopics()).filter((name) => !before.has(name)).toSorted();
    },
    list: (prefix) => list(admin, prefix),
    describe: (name) => describe(admin, name),
    lag: (group) => lag(admin, group),
    remove: (names) => admin.deleteTopics({ topics: [...names] }),
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

async function list(admin: Admin, prefix: string): Promise<TopicRow[]> {
  const names = (await admin.listTopics()).filter((name) => name.startsWith(prefix)).toSorted();
  if (names.length === 0) return [];
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  return topics
    .map(({ name, partitions }) => {
      return { name, partitions: partitions.length, replicas: partitions[0]?.replicas.length ?? 0 };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function describe(admin: Admin, name: string): Promise<TopicDetails | undefined> {
  if (!(await admin.listTopics()).includes(name)) return undefined;
  const resources = [{ type: ConfigResourceTypes.TOPIC, name }];
  const [{ topics }, bounds, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics: [name] }),
    ofNewTopics(() => admin.fetchTopicOffsets(name)),
    admin.describeConfigs({ resources, includeSynonyms: false }),
  ]);
  const offsets = new Map(bounds.map((one) => [one.partition, one]));
  const entries = configs.resources.flatMap(({ configEntries }) => configEntries);
  // Source 1: set on the topic itself.
  const own = entries.filter(({ configSource }) => Number(configSource) === 1);
  return {
    name,
    config: Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue])),
    partitions: (topics[0]?.partitions ?? [])
      .map(({ partitionId: partition, leader, replicas, isr }) => ({
        partition,
        leader,
        replicas,
        inSync: isr,
        low: BigInt(offsets.get(partition)?.low ?? 0),
        high: BigInt(offsets.get(partition)?.high ?? 0),
      }))
      .toSorted((a, b) => a.partition - b.partition),
  };
}

async function lag(admin: Admin, group: string | undefined): Promise<LagRow[]> {
  const groups = group === undefined ? (await admin.listGroups()).groups.map(({ groupId }) => groupId) : [group];
  const rows: LagRow[] = [];
  const ends = new Map<string, Map<number, bigint>>();
  const there = new Set(await admin.listTopics());
  for (const groupId of groups.toSorted()) {
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId })) {
      const committed = partitions.filter(({ offset }) => Number(offset) >= 0);
      if (committed.length === 0 || !there.has(topic)) continue;
      let end = ends.get(topic);
      if (end === undefined) {
        end = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
        ends.set(topic, end);
      }
      let records = 0n;
      for (const { partition, offset } of committed) records += (end.get(partition) ?? 0n) - BigInt(offset);
      rows.push({ group: groupId, topic, lag: records < 0n ? 0n : records, partitions: committed.length });
    }
  }
  return rows;
}
