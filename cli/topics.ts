import { silentLogger } from "#infra/clog/clog.ts";
import { ConfigError, type ConfigOf, type Sources } from "#infra/config/config.ts";
import { loadAll, type Surroundings, sourcesOf } from "#infra/host/sources.ts";
import { exitCodes } from "#infra/host/start-error.ts";
import { type KafkaSettings, mqSpec } from "#infra/mq/config.ts";
import { connectKafkaAdmin, type KafkaAdmin } from "#infra/mq/kafka-admin.ts";
import { partitionsWanted } from "#infra/mq/kafka-topics.ts";
import { deadLetterTopic, MqError, MqUnavailableError, type Topic } from "#infra/mq/mq.ts";
import { topics } from "#proto/topics.ts";
import { UsageError } from "./command-line.ts";

const prefix = "gochat.";

/** Every topic of an installation but the gateways' own (each gateway makes its own), with its dead letters. */
export function installedTopics(): Topic<unknown>[] {
  // Every topic has a value type of its own; here only name, size and age matter.
  const all = Object.values(topics) as unknown as Topic<unknown>[];
  return all.flatMap((topic) => (topic.deadLetter ? [topic, deadLetterTopic(topic)] : [topic]));
}

/** `gochat topics create | list | describe TOPIC | lag [GROUP]`. Answers the exit code; throws UsageError. */
export async function runTopics(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const [verb = "", name, extra] = args;
  const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (run === undefined) {
    throw new UsageError(`topics does one of ${Object.keys(verbs).join(", ")}, not "${verb}".`);
  }
  if (extra !== undefined) throw new UsageError(`topics ${verb} takes no "${extra}".`);
  const sources = sourcesOf(surroundings, []);
  const config = mqConfig(sources);
  if (config === undefined) return exitCodes.config;
  const { driver, kafka } = config;
  if (driver !== "kafka") {
    console.log("The log is embedded: it makes its topics itself. Set mq.driver=kafka for topics on Kafka.");
    return 0;
  }
  return withAdmin(kafka, (admin) => run(admin, name, kafka));
}

/** Undefined, and told, when it is wrong. */
function mqConfig(sources: Sources): ConfigOf<typeof mqSpec>["mq"] | undefined {
  try {
    return loadAll({ mq: mqSpec }, sources).configs.mq.mq;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    return undefined;
  }
}

async function withAdmin(settings: KafkaSettings, run: (admin: KafkaAdmin) => Promise<number>): Promise<number> {
  try {
    await using admin = await connectKafkaAdmin(settings, silentLogger);
    return await run(admin);
  } catch (error) {
    if (!(error instanceof MqError)) throw error;
    console.error(error.message);
    return error instanceof MqUnavailableError ? exitCodes.unavailable : 1;
  }
}

type Verb = (admin: KafkaAdmin, name: string | undefined, settings: KafkaSettings) => Promise<number>;

const verbs: Readonly<Record<string, Verb>> = {
  async create(admin, name) {
    const all = installedTopics();
    const wanted = name === undefined ? all : all.filter((topic) => topic.name === name);
    if (wanted.length === 0) throw new UsageError(`There is no topic "${name}" in GoChat.`);
    const made = await admin.create(wanted);
    for (const one of made) console.log(`made ${one}`);
    console.log(`${wanted.length} topics are there, ${made.length} of them new.`);
    return 0;
  },

  async list(admin, _, settings) {
    const there = new Map((await admin.list(prefix)).map((row) => [row.name, row]));
    const expected = new Map(installedTopics().map((topic) => [topic.name, partitionsWanted(topic, settings)]));
    const rows = [...new Set([...expected.keys(), ...there.keys()])].toSorted().map((name) => {
      const row = there.get(name);
      const wanted = expected.get(name);
      if (row === undefined) return [name, "-", "-", "missing"];
      const fits = wanted === undefined || wanted === row.partitions;
      return [name, String(row.partitions), String(row.replicas), fits ? "ok" : `expected ${wanted} partitions`];
    });
    console.log(table([["TOPIC", "PARTITIONS", "REPLICAS", "STATE"], ...rows]));
    return rows.every(([, , , state]) => state === "ok") ? 0 : 1;
  },

  async describe(admin, name) {
    if (name === undefined) throw new UsageError("topics describe takes the name of a topic.");
    const details = await admin.describe(name);
    if (details === undefined) {
      console.error(`There is no topic ${name} on this cluster.`);
      return 1;
    }
    console.log(details.name);
    for (const [key, value] of Object.entries(details.config)) console.log(`  ${key} = ${value}`);
    const rows = details.partitions.map((one) => [
      String(one.partition),
      String(one.leader),
      one.replicas.join(","),
      one.inSync.join(","),
      String(one.low),
      String(one.high),
      String(one.high - one.low),
    ]);
    console.log(table([["PARTITION", "LEADER", "REPLICAS", "IN SYNC", "FIRST", "NEXT", "RECORDS"], ...rows]));
    return 0;
  },

  async lag(admin, group) {
    const rows = (await admin.lag(group)).map((one) => {
      return [one.group, one.topic, String(one.partitions), String(one.lag)];
    });
    if (rows.length === 0) {
      console.log(group === undefined ? "No group has committed anything." : `Group ${group} has committed nothing.`);
      return 0;
    }
    console.log(table([["GROUP", "TOPIC", "PARTITIONS", "LAG"], ...rows]));
    return 0;
  },
};

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
