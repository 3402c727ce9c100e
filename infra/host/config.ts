import { cacheSpec } from "../cache/config.ts";
import { type ConfigOf, section } from "../config/config.ts";
import { bool, duration, int, oneOf, secret, string } from "../config/keys.ts";
import { coordSpec } from "../coord/config.ts";
import { dbSpec } from "../db/config.ts";
import { esSpec } from "../es/config.ts";
import { slowDefaults } from "../metrics/slow.ts";
import { mqSpec } from "../mq/config.ts";
import { objectsSpec } from "../objects/config.ts";
import { traceSpec } from "../trace/config.ts";

/** Keys that every process has, whichever services it runs. */
export const hostSpec = section({
  data: section({
    dir: string({ default: "./data", doc: "folder of everything that is kept; a process owns it alone" }),
  }),
  log: section({
    level: oneOf(["debug", "info", "warn", "error"], {
      default: "info",
      doc: "lowest level that is written",
      hot: true,
      env: "LOG_LEVEL",
    }),
    format: oneOf(["json", "pretty"], {
      default: { development: "pretty", production: "json" },
      doc: "one JSON object per line, or text for a console",
      hot: true,
    }),
    addSource: bool({ default: false, doc: "adds file and line of the caller; costs a stack trace per line" }),
    fsync: oneOf(["batch", "os"], {
      default: "batch",
      doc: "durable topics of the embedded log: synced per group commit, or left to the operating system",
    }),
  }),
  metrics: section({
    slowRequest: duration({
      default: slowDefaults.requestMs,
      min: 1,
      max: 600_000,
      doc: "HTTP requests that take longer are logged",
      hot: true,
    }),
    slowCall: duration({
      default: slowDefaults.callMs,
      min: 1,
      max: 600_000,
      doc: "calls between services that take longer are logged",
      hot: true,
    }),
  }),
  cache: cacheSpec,
  coord: coordSpec,
  db: dbSpec,
  es: esSpec,
  mq: mqSpec.keys.mq,
  objects: objectsSpec,
  trace: traceSpec,
  admin: section({
    host: string({ default: "127.0.0.1", lengthMax: 255, doc: "address of health and metrics" }),
    port: int({ default: undefined, min: 0, max: 65_535, doc: "port of health and metrics; 0 takes a free one" }),
  }),
  rpc: section({
    serviceToken: secret({
      default: undefined,
      lengthMin: 16,
      doc: "what services show each other; unset: made once and kept in the data folder",
    }),
    logicUrl: string({
      default: undefined,
      doc: "the one logic that a gateway calls; unset: all of the registry, without etcd http://127.0.0.1:9001",
    }),
    repoUrl: string({
      default: undefined,
      doc: "the one repo that a service calls; unset: all of the registry, without etcd http://127.0.0.1:9002",
    }),
    advertise: string({
      default: undefined,
      lengthMax: 255,
      doc: "host name under which others reach the RPC port of this process; unset: the address it listens on",
    }),
    tls: section(
      {
        enabled: bool({ default: false, doc: "mutual TLS between services, on both sides of every call" }),
        ca: string({
          default: undefined,
          doc: "PEM file of the authority that has signed every service's certificate",
        }),
        cert: string({
          default: undefined,
          doc: "PEM file of this process's certificate, for the host name of rpc.advertise or its address",
        }),
        key: string({ default: undefined, doc: "PEM file of its key" }),
      },
      ({ enabled, ca, cert, key }) =>
        !enabled || (ca !== undefined && cert !== undefined && key !== undefined)
          ? undefined
          : "rpc.tls.ca, .cert and .key with rpc.tls.enabled",
    ),
  }),
  ratelimit: section({
    enabled: bool({ default: true, doc: "rate limits at the entrance; off for benches and tests", hot: true }),
  }),
  shutdown: section({
    timeout: duration({ default: 30_000, min: 100, max: 600_000, doc: "after it a stop is forced" }),
  }),
});

export type HostConfig = ConfigOf<typeof hostSpec>;
