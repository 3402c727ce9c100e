import { silentLogger } from "#infra/clog/clog.ts";
import { ConfigError, type ConfigOf, type Sources } from "#infra/config/config.ts";
import { loadAll, sourcesOf } from "#infra/host/sources.ts";
import { exitCodes } from "#infra/host/start-error.ts";
import { type KafkaSettings, mqSpec } from "#infra/mq/config.ts";
import { isBrokerAway } from "#infra/mq/kafka.ts";
import { connectKafkaAdmin } from "#infra/mq/kafka-admin.ts";
import { MqError, MqUnavailableError, type Topic } from "#infra/mq/mq.ts";
import { UsageError } from "./command-line.ts";
import { describeGroup, lag, listGroups, monitor, resetOffset } from "./topics-groups.ts";
import { parseTopics } from "./topics-options.ts";
import { replay } from "./topics-replay.ts";
import { check, create, describe, list } from "./topics-verbs.ts";
import { installedTopics, type Verb } from "./topics-view.ts";

const usage = `gochat topics create [TOPIC]             make what is missing; existing topics stay as they are
gochat topics list                       topics, partitions, copies; exit code 1 when one is missing or differs
gochat topics check                      compare topics with their definition: partitions, copies, settings, leaders
gochat topics describe TOPIC             partitions, leaders, offsets, settings
gochat topics lag [GROUP]                records behind, by group and topic
gochat topics monitor [GROUP]            the same every second, until Ctrl-C (--seconds N)
gochat topics list-groups                consumer groups, their states and members
gochat topics describe-group GROUP       members, and committed offset and lag of every partition
gochat topics reset-offset GROUP TOPIC --to earliest|latest|OFFSET [--partition N] [--dry-run]
                                         move a group that has no members
gochat topics replay TOPIC [--dry-run]   dead letters of TOPIC, those not replayed before, back into it

The brokers are those of the configuration: GOCHAT_MQ__DRIVER=kafka GOCHAT_MQ__KAFKA__BROKERS=host:port, or --set.
Exit codes: 0 done, 1 refused or different, 64 usage, 69 no broker answers, 78 configuration.`;

/** How many words may follow each verb. */
const verbs: Readonly<Record<string, { readonly run: Verb; readonly words: readonly [min: number, max: number] }>> = {
  create: { run: create, words: [0, 1] },
  list: { run: list, words: [0, 0] },
  check: { run: check, words: [0, 0] },
  describe: { run: describe, words: [1, 1] },
  lag: { run: lag, words: [0, 1] },
  monitor: { run: monitor, words: [0, 1] },
  "list-groups": { run: listGroups, words: [0, 0] },
  "describe-group": { run: describeGroup, words: [1, 1] },
  "reset-offset": { run: resetOffset, words: [2, 2] },
  replay: { run: replay, words: [1, 1] },
};

/** Where `gochat topics` runs; tests have places of their own. */
export interface TopicsIo {
  /** Names the configuration. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly print?: (line: string) => void;
  /** Ends `monitor`. */
  readonly signal?: AbortSignal;
  /** What is defined; default: every topic of an installation. */
  readonly topics?: readonly Topic<unknown>[];
}

/** `gochat topics VERB …`. Answers the exit code; throws UsageError. */
export async function runTopics(args: readonly string[], io: TopicsIo = {}): Promise<number> {
  const { env = process.env, print = console.log, signal, topics = installedTopics() } = io;
  const options = parseTopics(args);
  if (options.help) {
    print(usage);
    return 0;
  }
  const { verb, words } = options;
  const found = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (found === undefined) throw new UsageError(`topics does one of ${Object.keys(verbs).join(", ")}, not "${verb}".`);
  const [min, max] = found.words;
  if (words.length < min || words.length > max) throw new UsageError(`topics ${verb} does not go like that.\n${usage}`);
  if (verb === "reset-offset" && options.to === undefined)
    throw new UsageError("topics reset-offset needs --to earliest, latest or an offset.");
  const config = mqConfig(sourcesOf({ env, flags: options.flags }, []));
  if (config === undefined) return exitCodes.config;
  if (config.driver !== "kafka") {
    print("The log is embedded: it makes its topics itself. Set mq.driver=kafka for topics on Kafka.");
    return 0;
  }
  return onBrokers(config.kafka, async (admin) =>
    found.run({ admin, settings: config.kafka, options, topics, print, signal }),
  );
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

async function onBrokers(
  settings: KafkaSettings,
  run: (admin: Awaited<ReturnType<typeof connectKafkaAdmin>>) => Promise<number>,
): Promise<number> {
  try {
    await using admin = await connectKafkaAdmin(settings, silentLogger);
    return await run(admin);
  } catch (error) {
    const known = error instanceof MqError || (error instanceof Error && error.name.startsWith("KafkaJS"));
    if (!known) throw error;
    console.error(error.message);
    return error instanceof MqUnavailableError || isBrokerAway(error) ? exitCodes.unavailable : 1;
  }
}
