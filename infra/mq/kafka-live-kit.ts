import { readFileSync } from "node:fs";
import { type Logger, silentLogger } from "../clog/clog.ts";
import { loadConfig } from "../config/config.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { type KafkaSettings, mqSpec } from "./config.ts";
import { connectKafkaMq } from "./kafka.ts";
import type { Mq } from "./mq.ts";

/** Clusters to test on, from `GOCHAT_TEST_KAFKA`: `host:port`, or several separated by commas, each its own. */
export function clustersOf(variable: string | undefined): readonly string[] {
  return (variable ?? "").split(",").filter((one) => one !== "");
}

/** The shortest that a broker takes by default. */
export const sessionMs = 6000;

/** The settings of development, with waits that suit a test. */
export function testSettings(broker: string, change: Partial<KafkaSettings> = {}): KafkaSettings {
  const { config } = loadConfig(mqSpec, {
    environment: "development",
    flags: { "mq.kafka.brokers": broker, "mq.kafka.client_id": "gochat-test" },
    readFile: (path) => readFileSync(path, "utf8"),
  });
  return { ...config.mq.kafka, heartbeat: 50, fetchWait: 20, sessionTimeout: sessionMs, ...change };
}

export function connect(
  broker: string,
  change: Partial<KafkaSettings> = {},
  deps: { clog?: Logger; metrics?: Metrics; drainMs?: number } = {},
): Promise<Mq> {
  return connectKafkaMq(testSettings(broker, change), { clog: silentLogger, metrics: createMetrics(), ...deps });
}
