import { expect, test } from "bun:test";
import { ConfigError, loadConfig } from "../config/config.ts";
import { mqSpec } from "./config.ts";

const load = (flags: Record<string, string>, env: Record<string, string> = {}) =>
  loadConfig(mqSpec, { environment: "production", flags: { "mq.driver": "kafka", ...flags }, env }).config.mq;
const problem = (flags: Record<string, string>): string => {
  try {
    load(flags);
    return "";
  } catch (error) {
    return error instanceof ConfigError ? error.message : String(error);
  }
};

test("spec 50 §6: production waits longer, holds more and makes no topics", () => {
  const { kafka } = load({}, { GOCHAT_MQ__KAFKA__BROKERS: "a:9092,b:9092" });
  expect(kafka).toMatchObject({
    brokers: ["a:9092", "b:9092"],
    retries: 10,
    requestTimeout: 30_000,
    waitingRecords: 10_000,
    waitingBytes: 32 * 1024 * 1024,
    sessionTimeout: 30_000,
    compression: "gzip",
    replication: 3,
    minInsync: 2,
    createTopics: false,
  });
});

test("a start that cannot work is refused with what is missing", () => {
  expect(problem({ "mq.kafka.brokers": "a" })).toContain("host:port");
  expect(problem({ "mq.kafka.security": "sasl_ssl" })).toContain("mq.kafka.sasl.username");
  expect(problem({ "mq.kafka.tls.cert_file": "x.pem" })).toContain("only together");
  expect(problem({ "mq.kafka.heartbeat": "20s" })).toContain("at most half");
  expect(problem({ "mq.kafka.replication": "1" })).toContain("min_insync");
});
