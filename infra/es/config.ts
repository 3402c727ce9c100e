import { type ConfigOf, section } from "../config/config.ts";
import { bytes, duration, int, list, oneOf, secret, string } from "../config/keys.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The keys `es.…` (spec 60 §6). */
export const esSpec = section(
  {
    driver: oneOf(["fts5", "opensearch"], {
      default: "fts5",
      doc: "the search index: a file in the data folder, one process only; or OpenSearch / Elasticsearch",
    }),
    urls: list({
      default: { development: ["http://localhost:9200"], production: ["http://opensearch:9200"] },
      itemsMin: 1,
      itemsMax: 32,
      pattern: /^https?:\/\/[^\s/@]+$/,
      form: "http(s)://host:port",
      doc: "nodes of the cluster; the next one is asked when one does not answer",
    }),
    username: string({ default: undefined, lengthMax: 255, doc: "with password: basic authentication" }),
    password: secret({ default: undefined, doc: "with username" }),
    index: string({
      default: "gochat-messages",
      lengthMax: 100,
      pattern: /^[a-z][a-z0-9-]*$/,
      form: "small letters, digits and -",
      doc: "the alias, and the beginning of every month's index",
    }),
    shards: int({ default: 1, min: 1, max: 100, doc: "of a month's index" }),
    replicas: int({ default: { development: 0, production: 1 }, min: 0, max: 10, doc: "copies of each shard" }),
    timeout: duration({ default: 5000, min: 100, max: 60_000, doc: "wait for the answer to a search" }),
    bulkTimeout: duration({ default: 30_000, min: 1000, max: 300_000, doc: "wait for the answer to a bulk" }),
    bulkRows: int({ default: 500, min: 1, max: 10_000, doc: "documents of one bulk", hot: true }),
    bulkBytes: bytes({ default: MIB, min: 64 * KIB, max: 64 * MIB, doc: "bytes of one bulk", hot: true }),
    workers: int({
      default: { development: 2, production: 4 },
      min: 1,
      max: 64,
      doc: "bulks under way at once, of one call",
      hot: true,
    }),
  },
  ({ username, password }) =>
    (username === undefined) === (password === undefined) ? undefined : "es.username and es.password together",
);

export type EsConfig = ConfigOf<typeof esSpec>;
