import { type ConfigOf, loadConfig, section } from "#infra/config/config.ts";
import { bool, bytes, duration, type Environment, int, list, oneOf, string } from "#infra/config/keys.ts";

const kib = 1024;
const mib = 1024 * kib;
const second = 1000;
const minute = 60 * second;

const ws = section({
  maxMessageSize: bytes({ default: 64 * kib, min: kib, max: mib, doc: "inbound frame; larger ones close with 1009" }),
  frameOutMax: bytes({
    default: 64 * kib,
    min: 64 * kib,
    max: mib,
    doc: "outbound frame; a batch is split in order",
    hot: true,
  }),
  syncBytesMax: bytes({ default: 256 * kib, min: 64 * kib, max: mib, doc: "one sync-result", hot: true }),
  queueBytesMax: bytes({
    default: mib,
    min: 128 * kib,
    max: mib,
    doc: "waiting bytes of a socket; over it, it is closed",
  }),
  inboundFramesMax: int({
    default: 200,
    min: 1,
    max: 10_000,
    doc: "frames of a socket that wait for an earlier one",
    hot: true,
  }),
  inboundBytesMax: bytes({ default: 512 * kib, min: 64 * kib, max: 16 * mib, doc: "their bytes", hot: true }),
  abuseViolations: int({
    default: 5,
    min: 1,
    max: 1000,
    doc: "exceeded limits within abuse_window that close with 4029",
    hot: true,
  }),
  abuseWindow: duration({
    default: 10 * second,
    min: second,
    max: 10 * minute,
    doc: "see abuse_violations",
    hot: true,
  }),
  maxConnections: int({
    default: 200_000,
    min: 1,
    max: 10_000_000,
    doc: "sockets; above, upgrades are refused with 503",
    hot: true,
  }),
  descriptorReserve: int({
    default: 200,
    min: 0,
    max: 100_000,
    doc: "descriptors left for everything but sockets: so far below the limit of the process upgrades are refused with 503",
    hot: true,
  }),
  maxConnecting: int({
    default: 5000,
    min: 1,
    max: 1_000_000,
    doc: "sockets between upgrade and `connected`; above, upgrades are refused with 503 and a Retry-After",
    hot: true,
  }),
  maxSessionsPerUser: int({ default: 5, min: 1, max: 100, doc: "open sockets of one user; guests have 1", hot: true }),
  multiDevice: oneOf(["multi", "per-platform", "single"], {
    default: "multi",
    doc: "which sockets of a user coexist",
    hot: true,
  }),
  compression: bool({ default: false, doc: "permessage-deflate" }),
  pingAfter: duration({
    default: 30 * second,
    min: second,
    max: 10 * minute,
    doc: "silence before a protocol ping",
    hot: true,
  }),
  silenceMax: duration({
    default: 90 * second,
    min: 2 * second,
    max: 30 * minute,
    doc: "silence before close 4008",
    hot: true,
  }),
  writeTimeout: duration({
    default: 10 * second,
    min: second,
    max: 2 * minute,
    doc: "a socket that does not drain: 4009",
    hot: true,
  }),
  resyncSpread: duration({
    default: 10 * second,
    min: 0,
    max: 5 * minute,
    doc: "over which resync frames are spread",
    hot: true,
  }),
  drain: duration({
    default: 15 * second,
    min: 0,
    max: 10 * minute,
    doc: "over which sockets are closed at a stop",
    hot: true,
  }),
});

const world = section({
  coalesceAbove: int({
    default: 20,
    min: 1,
    max: 1_000_000,
    doc: "messages per second of a room above which one frame carries several",
    hot: true,
  }),
  flushMin: duration({ default: 10, min: 1, max: second, doc: "between two such frames, at least", hot: true }),
  flushMax: duration({ default: 100, min: 1, max: second, doc: "between two such frames, at most", hot: true }),
  maxPushPerSecond: int({
    default: { development: 1000, production: 50 },
    min: 1,
    max: 1_000_000,
    doc: "messages of the world shown per second; the newest are kept, `missed` tells of the rest",
    hot: true,
  }),
  inactivePushInterval: duration({
    default: 5 * second,
    min: 100,
    max: 5 * minute,
    doc: "between pushes of the world to clients in the background, under load",
    hot: true,
  }),
});

const http = section({
  corsOrigins: list({
    default: { development: ["*"], production: [] },
    doc: "origins whose pages may call; * for all",
  }),
  trustedProxies: list({ default: [], doc: "CIDR list; X-Forwarded-For is believed from them only" }),
  bodyBytesMax: bytes({ default: mib, min: kib, max: 64 * mib, doc: "request body; larger ones answer 413" }),
  gzipAbove: bytes({ default: kib, min: 0, max: mib, doc: "answers from this size on are packed" }),
  backendTimeout: duration({
    default: 10 * second,
    min: 100,
    max: 5 * minute,
    doc: "deadline of a call behind a request",
  }),
  readTimeout: duration({
    default: 30 * second,
    min: 100,
    max: 5 * minute,
    doc: "a request body that is not here by then answers 504",
  }),
  idleTimeout: duration({ default: minute, min: second, max: 4 * minute, doc: "a connection without bytes is closed" }),
});

/** Everything that may be set for the gateway. */
export const gatewaySpec = section({
  port: int({ default: 8080, min: 0, max: 65_535, doc: "HTTP and WebSocket; 0 takes a free one", env: "PORT" }),
  grpcPort: int({
    default: undefined,
    min: 0,
    max: 65_535,
    doc: "port of gRPC with reflection over HTTP/2, 0 takes a free one; unset: none. Not with `processes`",
  }),
  hostname: string({
    default: { development: "127.0.0.1", production: "0.0.0.0" },
    doc: "address to listen on",
  }),
  rpc: section({
    host: string({
      default: "127.0.0.1",
      lengthMax: 255,
      doc: "address on which Connect and gRPC-Web are served to services",
    }),
    port: int({
      default: undefined,
      min: 0,
      max: 65_535,
      doc: "port of Connect and gRPC-Web for services, 0 = any free one; unset: 9003 beside port 8080, else port + 4000",
    }),
  }),
  processes: int({
    default: 0,
    min: 0,
    max: 64,
    doc: "processes that listen together on the port, one per core; 0: the gateway runs in the process itself",
  }),
  ws,
  world,
  http,
  jwt: section({
    issuer: string({ default: "im-logic", doc: "issuer that tokens must name" }),
    verifiedMax: int({ default: 20_000, min: 0, max: 1_000_000, doc: "verified tokens that are remembered" }),
    verifiedFor: duration({ default: minute, min: 0, max: minute, doc: "how long a verified token is remembered" }),
  }),
  upstream: section({
    waitingMax: int({
      default: 10_000,
      min: 1,
      max: 1_000_000,
      doc: "sends waiting for the log; above, they are refused",
    }),
    waitingBytesMax: bytes({ default: 32 * mib, min: 64 * kib, max: 1024 * mib, doc: "their bytes" }),
  }),
  presence: section({
    heartbeat: duration({ default: minute, min: second, max: 4 * minute, doc: "between reports of a session" }),
  }),
});

export type GatewaySettings = ConfigOf<typeof gatewaySpec>;

/** Settings, and what the composition knows of this very instance. */
export interface GatewayConfig extends GatewaySettings {
  readonly environment: Environment;
  /** `gateway-{n}`, n leased. */
  readonly gatewayId: string;
  readonly version: string;
  /** Other gateway processes listen on the same port. Default false: a port in use is an error. */
  readonly sharesPort?: boolean;
  /** Host name under which other services reach the RPC port; default: the address it listens on. */
  readonly advertise?: string | undefined;
}

/** The defaults, for tests and compositions that read no files. */
export function defaultGatewaySettings(environment: Environment): GatewaySettings {
  return loadConfig(gatewaySpec, { environment }).config;
}

/** How many sockets of one user may be open, and who gives way (spec 20 §2). */
export type DevicePolicy = GatewaySettings["ws"]["multiDevice"];
