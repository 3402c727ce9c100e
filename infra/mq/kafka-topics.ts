import type { Admin, ITopicConfig } from "kafkajs";
import type { KafkaSettings } from "./config.ts";
import { deadLetterTopic, MqError, MqUnavailableError, type Topic } from "./mq.ts";

/** A topic as the brokers have it. */
export interface TopicFacts {
  readonly partitions: number;
  /** Broker that leads each partition; -1 while there is none. */
  readonly leaders: readonly number[];
}

export interface KafkaTopics {
  /** Makes those that are missing, and their dead-letter topics. Throws when one has another number of partitions. */
  ensure(topics: readonly Topic<unknown>[]): Promise<void>;
  /** Partitions and leaders, asked anew. Makes the topic when it is missing and `createTopics` is set.
   *  Throws MqUnavailableError when there is no such topic, or nobody to ask. */
  learn(topic: Topic<unknown>): Promise<TopicFacts>;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const newTopicWaitMs = 50;
const newTopicTriesMax = 100;
const recordBytesMaxDefault = 1024 * 1024;

/** Bytes that a record and its batch take besides the value: headers, key, frame. */
export const recordOverheadBytes = 4096;

/** The largest value that the topic takes, in bytes. */
export function valueBytesMax(topic: Topic<unknown>): number {
  return (topic.recordBytesMax ?? recordBytesMaxDefault) - recordOverheadBytes;
}

/** The number of partitions that the topic is to have on this cluster. */
export function partitionsWanted(topic: Topic<unknown>, { size }: Pick<KafkaSettings, "size">): number {
  return size === "production" ? (topic.partitionsProduction ?? topic.partitions) : topic.partitions;
}

/** How a topic is made: spec 50 §1. */
export function topicConfig(topic: Topic<unknown>, settings: KafkaSettings): ITopicConfig {
  const entries = {
    "cleanup.policy": "delete",
    "retention.ms": topic.retentionMs,
    // Retention removes whole segments, so a topic of an hour needs short ones.
    "segment.ms": topic.retentionMs <= hourMs ? 10 * minuteMs : 24 * hourMs,
    "max.message.bytes": topic.recordBytesMax ?? recordBytesMaxDefault,
    "min.insync.replicas": settings.minInsync,
    "message.timestamp.type": "CreateTime",
  };
  return {
    topic: topic.name,
    numPartitions: partitionsWanted(topic, settings),
    replicationFactor: settings.replication,
    configEntries: Object.entries(entries).map(([name, value]) => ({ name, value: String(value) })),
  };
}

export function createKafkaTopics(admin: Admin, settings: KafkaSettings): KafkaTopics {
  async function factsOf(names: readonly string[]): Promise<Map<string, TopicFacts>> {
    const { topics } = await ofNewTopics(() => admin.fetchTopicMetadata({ topics: [...names] }));
    return new Map(
      topics.map(({ name, partitions }) => {
        const leaders: number[] = new Array(partitions.length).fill(-1);
        for (const { partitionId, leader } of partitions) leaders[partitionId] = leader;
        return [name, { partitions: partitions.length, leaders }];
      }),
    );
  }

  async function ensure(topics: readonly Topic<unknown>[]): Promise<void> {
    const wanted = new Map<string, Topic<unknown>>();
    for (const topic of topics) {
      wanted.set(topic.name, topic);
      const dead = deadLetterTopic(topic);
      if (topic.deadLetter && !wanted.has(dead.name)) wanted.set(dead.name, dead);
    }
    const there = new Set(await admin.listTopics());
    const missing = [...wanted.values()].filter(({ name }) => !there.has(name));
    if (missing.length > 0) {
      // False: another process was faster. The client's own wait for leaders gives up where a broker has not heard of the
      // topic yet, as 3.9 answers for a moment.
      await admin.createTopics({ topics: missing.map((topic) => topicConfig(topic, settings)), waitForLeaders: false });
      // A leader that the metadata names may not serve its partition yet; one that tells its offsets does.
      await Promise.all(missing.map(({ name }) => ofNewTopics(() => admin.fetchTopicOffsets(name))));
    }
    for (const [name, { partitions }] of await factsOf([...wanted.keys()])) {
      const topic = wanted.get(name);
      // Dead letters are read by tools only: any number of partitions will do.
      if (topic === undefined || name.endsWith(".dlq")) continue;
      const expected = partitionsWanted(topic, settings);
      if (partitions === expected) continue;
      throw new MqError(`topic ${name} has ${partitions} partitions, not ${expected}`);
    }
  }

  async function learn(topic: Topic<unknown>): Promise<TopicFacts> {
    try {
      if (!(await admin.listTopics()).includes(topic.name)) {
        if (!settings.createTopics) throw new MqUnavailableError(`there is no topic ${topic.name}`);
        await ensure([topic]);
      }
      const facts = (await factsOf([topic.name])).get(topic.name);
      if (facts === undefined || facts.partitions === 0) {
        throw new MqUnavailableError(`topic ${topic.name} has no partitions`);
      }
      return facts;
    } catch (error) {
      if (error instanceof MqError) throw error;
      throw new MqUnavailableError(`topic ${topic.name} cannot be looked up: ${messageOf(error)}`, { cause: error });
    }
  }

  return { ensure, learn };
}

/** Asks about topics that exist: brokers hear of a new one and of its leader a moment after it was made. */
export async function ofNewTopics<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === newTopicTriesMax || !isNewTopic(error)) throw error;
      await Bun.sleep(newTopicWaitMs);
    }
  }
}

const newTopicTypes: ReadonlySet<unknown> = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
]);

function isNewTopic(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if ("type" in at && newTopicTypes.has(at.type)) return true;
  return false;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
