import { type ConfigOf, section } from "../config/config.ts";
import { bool, bytes, duration, int, oneOf, secret, string } from "../config/keys.ts";

const MIB = 1024 * 1024;

/** The keys `objects.…`: where files of users are kept. */
export const objectsSpec = section(
  {
    driver: oneOf(["directory", "s3"], {
      default: "directory",
      doc: "files of users: in the data folder, one process only; or an S3 server",
    }),
    publicUrl: string({
      default: "/api/v1/objects",
      lengthMax: 500,
      pattern: /^(?:https?:\/\/[^\s?#]+[^\s?#/]|\/[^\s?#]*[^\s?#/])$/,
      form: "an address or a path",
      doc: "directory: where clients find the objects",
    }),
    endpoint: string({
      default: { development: "http://localhost:9000", production: undefined },
      pattern: /^https?:\/\/[^\s/@]+$/,
      form: "http(s)://host:port",
      doc: "s3: the server; unset: Amazon's of the region",
    }),
    publicEndpoint: string({
      default: undefined,
      pattern: /^https?:\/\/[^\s/@]+$/,
      form: "http(s)://host:port",
      doc: "s3: the same server as clients reach it; unset: as endpoint",
    }),
    region: string({ default: "us-east-1", lengthMax: 64, doc: "s3: region that signatures name" }),
    bucket: string({
      default: "gochat",
      lengthMin: 3,
      lengthMax: 63,
      pattern: /^[a-z0-9][a-z0-9.-]*$/,
      form: "small letters, digits, . and -",
      doc: "s3: the bucket, which has to be there",
    }),
    virtualHosted: bool({ default: false, doc: "s3: the bucket is part of the host's name" }),
    accessKeyId: secret({ default: undefined, doc: "s3: who asks" }),
    secretAccessKey: secret({ default: undefined, doc: "s3: what signs" }),
    partSize: bytes({
      default: 8 * MIB,
      min: 5 * MIB,
      max: 512 * MIB,
      doc: "s3: larger objects are sent in such parts",
    }),
    queue: int({ default: 2, min: 1, max: 16, doc: "s3: parts of one object under way at once" }),
    timeout: duration({ default: 10_000, min: 100, max: 300_000, doc: "s3: wait for an answer" }),
    uploadTimeout: duration({ default: 600_000, min: 1000, max: 7_200_000, doc: "s3: for one whole object" }),
  },
  ({ driver, accessKeyId, secretAccessKey }) =>
    driver === "s3" && (accessKeyId === undefined || secretAccessKey === undefined)
      ? "objects.access_key_id and objects.secret_access_key with the driver s3"
      : undefined,
);

export type ObjectsConfig = ConfigOf<typeof objectsSpec>;
