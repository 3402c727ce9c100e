import type { KafkaSettings } from "#infra/mq/config.ts";
import type { TopicDetails } from "#infra/mq/kafka-admin.ts";
import { partitionsWanted, topicConfig } from "#infra/mq/kafka-topics.ts";
import type { Topic } from "#infra/mq/mq.ts";
import { UsageError } from "./command-line.ts";
import { table, topicPrefix, type Verb } from "./topics-view.ts";

export const create: Verb = async ({ admin, options, topics: all, print }) => {
  const [name] = options.words;
  const wanted = name === undefined ? all : all.filter((topic) => topic.name === name);
  if (wanted.length === 0) throw new UsageError(`There is no topic "${name}" in GoChat.`);
  const made = await admin.create(wanted);
  for (const one of made) print(`made ${one}`);
  print(`${wanted.length} topics are there, ${made.length} of them new.`);
  return 0;
};

export const list: Verb = async ({ admin, settings, topics, print }) => {
  const there = new Map((await admin.list(topicPrefix)).map((row) => [row.name, row]));
  const expected = new Map(topics.map((topic) => [topic.name, partitionsWanted(topic, settings)]));
  const rows = [...new Set([...expected.keys(), ...there.keys()])].toSorted().map((name) => {
    const row = there.get(name);
    const wanted = expected.get(name);
    if (row === undefined) return [name, "-", "-", "missing"];
    const fits = wanted === undefined || wanted === row.partitions;
    return [name, String(row.partitions), String(row.replicas), fits ? "ok" : `expected ${wanted} partitions`];
  });
  print(table([["TOPIC", "PARTITIONS", "REPLICAS", "STATE"], ...rows]));
  return rows.every(([, , , state]) => state === "ok") ? 0 : 1;
};

export const describe: Verb = async ({ admin, options, print }) => {
  const [name = ""] = options.words;
  const details = await admin.describe(name);
  if (details === undefined) {
    print(`There is no topic ${name} on this cluster.`);
    return 1;
  }
  print(details.name);
  for (const [key, value] of Object.entries(details.config)) print(`  ${key} = ${value}`);
  const rows = details.partitions.map((one) => [
    String(one.partition),
    String(one.leader),
    one.replicas.join(","),
    one.inSync.join(","),
    String(one.low),
    String(one.high),
    String(one.high - one.low),
  ]);
  print(table([["PARTITION", "LEADER", "REPLICAS", "IN SYNC", "FIRST", "NEXT", "RECORDS"], ...rows]));
  return 0;
};

/** Tells every difference between the brokers and the definition. */
export const check: Verb = async ({ admin, settings, topics: all, print }) => {
  const faults: string[] = [];
  for (const topic of all) faults.push(...faultsOf(topic, await admin.describe(topic.name), settings));
  for (const fault of faults) print(fault);
  print(faults.length === 0 ? `${all.length} topics are as defined.` : `${faults.length} differences.`);
  return faults.length === 0 ? 0 : 1;
};

/** How a topic on the brokers differs from its definition; undefined: it is not there. */
export function faultsOf(topic: Topic<unknown>, found: TopicDetails | undefined, settings: KafkaSettings): string[] {
  const { name } = topic;
  if (found === undefined) return [`${name}: missing`];
  const wanted = topicConfig(topic, settings);
  const faults: string[] = [];
  const expect = (what: string, is: string | number, expected: string | number | undefined): void => {
    if (is !== expected) faults.push(`${name}: ${what} is ${is}, expected ${expected}`);
  };
  // Dead letters are read by tools only: any number of partitions will do.
  if (!name.endsWith(".dlq")) expect("partitions", found.partitions.length, wanted.numPartitions);
  for (const { name: key, value } of wanted.configEntries ?? []) {
    const is = found.config[key];
    // Unset: the broker's default, which is the same value for some keys. Only what was set can be compared.
    if (is !== undefined) expect(key, is, value);
  }
  for (const { partition, leader, replicas, inSync } of found.partitions) {
    if (replicas.length < settings.replication)
      expect(`copies of partition ${partition}`, replicas.length, settings.replication);
    if (leader < 0) faults.push(`${name}: partition ${partition} has no leader`);
    if (inSync.length < replicas.length)
      faults.push(`${name}: partition ${partition} has ${inSync.length} of ${replicas.length} copies in sync`);
  }
  return faults;
}
