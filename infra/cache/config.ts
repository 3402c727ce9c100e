import { type ConfigOf, section } from "../config/config.ts";
import { bool, duration, int, list, oneOf, secret, string } from "../config/keys.ts";

const nodeForm = /^(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/;

/** Where cached rows, presence and shared limits live (spec 60 §2). */
export const cacheSpec = section(
  {
    driver: oneOf(["memory", "redis"], {
      default: "memory",
      doc: "memory: in this process, one process only; redis: shared by all",
    }),
    nodes: list({
      default: { development: ["localhost:6379"], production: ["redis:6379"] },
      itemsMin: 1,
      pattern: nodeForm,
      form: "host:port",
      doc: "single: the server; sentinel: the sentinels; cluster: some of its nodes",
    }),
    mode: oneOf(["single", "sentinel", "cluster"], { default: "single", doc: "how the servers are made up" }),
    sentinelName: string({ default: "mymaster", doc: "the name under which the sentinels know the primary" }),
    username: string({ default: undefined, doc: "user of the access list" }),
    password: secret({ default: undefined, doc: "password of the servers" }),
    sentinelPassword: secret({ default: undefined, doc: "password of the sentinels" }),
    tls: bool({ default: false, doc: "TLS to the servers and the sentinels" }),
    tlsCaFile: string({ default: undefined, doc: "certificates that are trusted, PEM; unset: the system's" }),
    db: int({ default: 0, min: 0, max: 1023, doc: "number of the database; a cluster has only 0" }),
    prefix: string({
      default: { development: "dev:", production: "gochat:" },
      lengthMin: 0,
      lengthMax: 64,
      pattern: /^[^{}\s]*$/,
      form: "without braces and blanks",
      doc: "begins every key",
    }),
    timeout: duration({
      default: 500,
      min: 10,
      max: 60_000,
      doc: "an answer is waited for no longer; then the connection is given up, and calls fail at once until it is back",
    }),
    connectTimeout: duration({
      default: { development: 5000, production: 10_000 },
      min: 100,
      max: 60_000,
      doc: "for one attempt to connect",
    }),
    startWait: duration({ default: 60_000, min: 0, max: 600_000, doc: "how long a start waits for the servers" }),
  },
  (values) =>
    values.mode === "cluster" && values.db !== 0 ? "cache.db 0, which is the only one of a cluster" : undefined,
);

export type CacheConfig = ConfigOf<typeof cacheSpec>;
