import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Packages, runStep } from "./packages.ts";
import { askTcp } from "./redis.ts";
import { InfraError, type Place, type Server } from "./server.ts";
import { type KafkaVersion, kafkaVersions } from "./settings.ts";

/** Apache Kafka in KRaft mode, broker and controller in one process; the controller listens on the next port. */
export function createKafka(packages: Packages, version: KafkaVersion): Server {
  let java: readonly string[] = [];
  return {
    name: "kafka",
    variant: version,
    portCount: 2,
    readyMs: 90_000,
    async install(place) {
      const release = kafkaVersions[version];
      const logging =
        version === "3.9" ? "org.slf4j:slf4j-reload4j:1.7.36" : "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3";
      const program = await packages.tool("java", "default-jre-headless", place);
      const jars = [`org.apache.kafka:kafka_2.13:${release}`, `org.apache.kafka:kafka-tools:${release}`, logging];
      java = [
        program,
        "-Xms128m",
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-cp",
        await packages.jars(jars, join(place.programs, version), place),
      ];
    },
    async start(whole) {
      // The formats of two versions differ, so each has its own folder.
      const place = { ...whole, data: join(whole.data, version) };
      const properties = join(place.data, "server.properties");
      mkdirSync(place.data, { recursive: true });
      await Bun.write(properties, kafkaProperties(place));
      const logging = await writeLogging(version, place);
      if (!existsSync(join(place.data, "log/meta.properties"))) await format(java, properties, logging, place);
      return { command: [...java.slice(0, 1), logging, ...java.slice(1), "kafka.Kafka", properties], cwd: place.data };
    },
    check: async ({ host, port }) => {
      const brokers = brokersOf(await askTcp(host, port, metadataRequest, 12));
      if (brokers < 1) throw new InfraError("has no broker yet");
    },
    variables: (port) => ({ GOCHAT_TEST_KAFKA: `127.0.0.1:${port}` }),
  };
}

/** Metadata (api 3) version 1 for no topics: size, api, version, correlation id 7, no client id, an empty list. */
export const metadataRequest = Uint8Array.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0]);

/** The number of brokers in the answer's first 12 bytes (size, correlation id, brokers). */
export function brokersOf(answer: Uint8Array): number {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  if (view.getInt32(4) !== 7) throw new InfraError("does not speak Kafka's protocol");
  return view.getInt32(8);
}

export function kafkaProperties({ host, port, data }: { host: string; port: number; data: string }): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@${host}:${port + 1}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://${host}:${port},CONTROLLER://${host}:${port + 1}
advertised.listeners=PLAINTEXT://${host}:${port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${data}/log
auto.create.topics.enable=false
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`;
}

async function format(java: readonly string[], properties: string, logging: string, place: Place): Promise<void> {
  place.say("creating the data folder");
  const cluster = Buffer.from(crypto.getRandomValues(new Uint8Array(16)))
    .toString("base64url")
    .replace(/^-/, "A");
  const [program = "java", ...options] = java;
  const tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", properties];
  await runStep([program, logging, ...options, ...tool], place);
}

/** Warnings, and the broker's own life, to standard output, which is the log file. Returns the option for java. */
async function writeLogging(version: KafkaVersion, place: Place): Promise<string> {
  const file = join(place.data, version === "3.9" ? "log4j.properties" : "log4j2.properties");
  const pattern = "%d %p %c{1} %m%n";
  if (version === "3.9") {
    await Bun.write(
      file,
      `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=${pattern}
log4j.logger.kafka.server.KafkaRaftServer=INFO
`,
    );
    return `-Dlog4j.configuration=file:${file}`;
  }
  await Bun.write(
    file,
    `rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=${pattern}
logger.raft.name=kafka.server.KafkaRaftServer
logger.raft.level=info
`,
  );
  return `-Dlog4j2.configurationFile=${file}`;
}
