import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "#infra/clog/clog.ts";
import { loadConfig } from "#infra/config/config.ts";
import { version } from "#infra/host/run.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { type KafkaSettings, mqSpec } from "#infra/mq/config.ts";
import { createEmbeddedMq } from "#infra/mq/embedded.ts";
import { connectKafkaMq } from "#infra/mq/kafka.ts";
import { connectKafkaAdmin } from "#infra/mq/kafka-admin.ts";
import type { Mq } from "#infra/mq/mq.ts";
import type { MqOptions } from "./mq-options.ts";
import { type DriverFigures, type MqResult, medianRound, type Round } from "./mq-result.ts";
import { benchTopic, runRound } from "./mq-round.ts";
import { createProgress } from "./progress.ts";
import { machine } from "./result.ts";

interface Driver {
  readonly name: "memory" | "sqlite" | "kafka";
  readonly durable: boolean;
  open(): Promise<Mq>;
}

const topicPrefix = `gochat.bench.${process.pid}.`;

/** Produces and consumes the same records on every log, in turn, in this process; the memory topics are the floor. */
export async function runMq(options: MqOptions): Promise<MqResult> {
  const folder = mkdtempSync(join(tmpdir(), "gochat-bench-"));
  const progress = createProgress();
  const drivers = driversOf(options, folder);
  const rounds = new Map<string, Round[]>(drivers.map(({ name }) => [name, []]));
  try {
    for (let round = 0; round <= options.rounds; round++) {
      for (const { name, durable, open } of drivers) {
        const warm = round === 0;
        progress.say(warm ? `${name}: warming up` : `${name}: round ${round} of ${options.rounds}`);
        await using mq = await open();
        const topic = benchTopic(`${topicPrefix}${round}.${name}`, durable, options.partitions);
        const records = warm ? Math.ceil(options.records / 5) : options.records;
        const figures = await runRound(mq, topic, { ...options, records });
        if (!warm) rounds.get(name)?.push(figures);
      }
    }
  } finally {
    progress.end();
    await removeTopics(options.kafka);
    rmSync(folder, { recursive: true, force: true });
  }
  const figures: Record<string, DriverFigures> = {};
  for (const [name, all] of rounds) figures[name] = medianRound(all);
  return {
    scenario: "mq",
    records: options.records,
    valueBytes: options.size,
    recordsPerSend: options.batch,
    partitions: options.partitions,
    rounds: options.rounds,
    drivers: figures,
    versions: { gochat: version, bun: Bun.version },
    machine: machine(),
  };
}

function driversOf(options: MqOptions, folder: string): Driver[] {
  let files = 0;
  const deps = { clog: silentLogger, metrics: createMetrics() };
  const embedded = () => createEmbeddedMq({ ...deps, file: join(folder, `log-${++files}.db`), fsync: "batch" });
  const drivers: Driver[] = [
    { name: "memory", durable: false, open: async () => embedded() },
    { name: "sqlite", durable: true, open: async () => embedded() },
  ];
  const { kafka } = options;
  if (kafka !== undefined) {
    const settings = { ...settingsOf(kafka), waitingRecords: 10_000, waitingBytes: 32 * 1024 * 1024 };
    drivers.push({ name: "kafka", durable: true, open: () => connectKafkaMq(settings, deps) });
  }
  return drivers;
}

function settingsOf(kafka: string): KafkaSettings {
  return loadConfig(mqSpec, { environment: "development", flags: { "mq.kafka.brokers": kafka } }).config.mq.kafka;
}

async function removeTopics(kafka: string | undefined): Promise<void> {
  if (kafka === undefined) return;
  await using admin = await connectKafkaAdmin(settingsOf(kafka), silentLogger);
  const rows = await admin.list(topicPrefix);
  if (rows.length > 0) await admin.remove(rows.map(({ name }) => name));
}
