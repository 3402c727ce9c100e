import { type ConfigOf, section } from "../config/config.ts";
import { bool, bytes, duration, int, list, oneOf, secret, string } from "../config/keys.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const kafkaKeys = section({
  brokers: list({
    default: ["127.0.0.1:9092"],
    itemsMin: 1,
    itemsMax: 32,
    pattern: /^[^\s:]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i,
    form: "host:port",
    doc: "some brokers of the cluster",
  }),
  clientId: string({ default: "gochat", lengthMax: 200, doc: "how the brokers' logs and quotas name this client" }),
  security: oneOf(["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"], {
    default: "plaintext",
    doc: "what connections use; ssl with tls.cert_file is mutual",
  }),
  sasl: section({
    mechanism: oneOf(["plain", "scram-sha-256", "scram-sha-512"], {
      default: "scram-sha-512",
      doc: "with a security of sasl_…",
    }),
    username: string({ default: undefined, lengthMax: 255, doc: "with a security of sasl_…" }),
    password: secret({ default: undefined, doc: "with a security of sasl_…" }),
  }),
  tls: section({
    caFile: string({ default: undefined, doc: "PEM of the authorities to trust; unset: the system's" }),
    certFile: string({ default: undefined, doc: "PEM of the client's certificate, for mutual TLS" }),
    keyFile: string({ default: undefined, doc: "PEM of the client's key, for mutual TLS" }),
  }),
  createTopics: bool({
    default: { development: true, production: false },
    doc: "make a topic at its first use; else `gochat topics create` does, before the start",
  }),
  size: oneOf(["development", "production"], {
    default: { development: "development", production: "production" },
    doc: "partitions of the topics; can never be changed where topics exist",
  }),
  replication: int({
    default: { development: 1, production: 3 },
    min: 1,
    max: 9,
    doc: "copies of a topic that is made",
  }),
  minInsync: int({
    default: { development: 1, production: 2 },
    min: 1,
    max: 9,
    doc: "copies that must have a record before it is acknowledged",
  }),
  compression: oneOf(["none", "gzip"], {
    default: { development: "none", production: "gzip" },
    doc: "of a batch with a record of 1 KiB or more",
  }),
  connectTimeout: duration({ default: 3000, min: 100, max: 60_000, doc: "wait for one connection" }),
  requestTimeout: duration({
    default: { development: 10_000, production: 30_000 },
    min: 500,
    max: 300_000,
    doc: "wait for one answer",
  }),
  deliveryTimeout: duration({
    default: { development: 10_000, production: 30_000 },
    min: 500,
    max: 300_000,
    doc: "after it a send is refused as unavailable, retries included",
  }),
  retries: int({
    default: { development: 3, production: 10 },
    min: 0,
    max: 100,
    doc: "repeats of a produce inside the client",
  }),
  waitingRecords: int({
    default: { development: 1000, production: 10_000 },
    min: 1,
    max: 1_000_000,
    doc: "records that may wait for the brokers; above it sends are refused",
  }),
  waitingBytes: bytes({
    default: { development: 4 * MIB, production: 32 * MIB },
    min: 64 * KIB,
    max: 1024 * MIB,
    doc: "the same in bytes",
  }),
  sessionTimeout: duration({
    default: { development: 10_000, production: 30_000 },
    min: 1000,
    max: 300_000,
    doc: "a consumer that is silent for so long loses its partitions",
  }),
  heartbeat: duration({ default: 3000, min: 50, max: 60_000, doc: "between heartbeats of a consumer" }),
  rebalanceTimeout: duration({
    default: { development: 30_000, production: 60_000 },
    min: 1000,
    max: 600_000,
    doc: "how long a rebalance waits for a member",
  }),
  fetchWait: duration({ default: 100, min: 1, max: 5000, doc: "how long a broker may hold an empty fetch" }),
  fetchBytes: bytes({
    default: { development: MIB, production: 10 * MIB },
    min: 64 * KIB,
    max: 100 * MIB,
    doc: "of one fetch",
  }),
  partitionBytes: bytes({
    default: { development: 512 * KIB, production: MIB },
    min: 64 * KIB,
    max: 50 * MIB,
    doc: "of one partition in a fetch",
  }),
  bufferBytes: bytes({
    default: 32 * MIB,
    min: MIB,
    max: 1024 * MIB,
    doc: "fetched and not yet handled, per subscription; above it fetching rests",
  }),
});

/** What the Kafka driver is told; times in ms. */
export type KafkaSettings = ConfigOf<typeof kafkaKeys>;

/** Keys of the log: which driver, and everything of spec 50 §6 that may differ between installations. */
export const mqSpec = section({
  mq: section(
    {
      driver: oneOf(["embedded", "kafka"], {
        default: "embedded",
        doc: "the log: in this process and its data folder, or Kafka",
      }),
      startWait: duration({ default: 60_000, min: 0, max: 600_000, doc: "how long a start waits for the brokers" }),
      kafka: kafkaKeys,
    },
    ({ driver, kafka }) => (driver === "kafka" ? kafkaProblem(kafka) : undefined),
  ),
});

function kafkaProblem({
  security,
  sasl,
  tls,
  heartbeat,
  sessionTimeout,
  replication,
  minInsync,
}: KafkaSettings): string | undefined {
  if (security.startsWith("sasl") && (sasl.username === undefined || sasl.password === undefined)) {
    return `mq.kafka.sasl.username and .password with a security of ${security}`;
  }
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    return "mq.kafka.tls.cert_file and .key_file only together";
  }
  if (heartbeat * 2 > sessionTimeout) return "a mq.kafka.heartbeat of at most half of mq.kafka.session_timeout";
  if (minInsync > replication) return "a mq.kafka.min_insync of at most mq.kafka.replication";
  return undefined;
}
