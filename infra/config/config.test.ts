import { expect, test } from "bun:test";
import { ConfigError, type ConfigOf, loadConfig, type Sources, section } from "./config.ts";
import { changedKeys, describeConfig, redact } from "./describe.ts";
import { bool, bytes, duration, int, list, oneOf, secret, string } from "./keys.ts";

const ws = section(
  {
    maxConnections: int({ default: { development: 1000, production: 20_000 }, min: 1, max: 1_000_000, doc: "sockets" }),
    maxMessageSize: bytes({ default: 65_536, min: 1024, max: 1_048_576, doc: "a frame", hot: true }),
    pingEvery: duration({ default: 30_000, min: 1000, max: 600_000, doc: "ping", hot: true }),
    pongWithin: duration({ default: 10_000, min: 1000, max: 600_000, doc: "pong" }),
  },
  (values) => (values.pongWithin < values.pingEvery ? undefined : "pong_within below ping_every"),
);
const spec = section({
  ws,
  log: section({
    level: oneOf(["debug", "info", "warn"], { default: "info", doc: "level", hot: true, env: "LOG_LEVEL" }),
  }),
  http: section({ trustedProxies: list({ default: [], doc: "CIDR" }), docs: bool({ default: true, doc: "pages" }) }),
  jwt: section({ privateKey: secret({ default: undefined, doc: "key" }) }),
  name: string({ default: "gochat", lengthMax: 10, doc: "name" }),
});
const load = (sources: Partial<Sources> = {}) => loadConfig(spec, { environment: "development", ...sources });
const problemsOf = (sources: Partial<Sources>) => {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

test("types follow the spec", () => {
  const config: ConfigOf<typeof spec> = load().config;
  const level: "debug" | "info" | "warn" = config.log.level;
  const proxies: readonly string[] = config.http.trustedProxies;
  const key: string | undefined = config.jwt.privateKey;
  const connections: number = config.ws.maxConnections;
  expect({ level, proxies, key, connections }).toEqual({
    level: "info",
    proxies: [],
    key: undefined,
    connections: 1000,
  });
});

test("defaults differ by environment", () => {
  expect(load({ environment: "production" }).config.ws.maxConnections).toBe(20_000);
});

test("60 §13: later trees win over earlier ones, the environment over trees, flags over all", () => {
  const trees = [
    {
      name: "a",
      values: { ws: { max_connections: 1, max_message_size: "2KiB", ping_every: "11s", pong_within: "2s" } },
    },
    { name: "b", values: { ws: { max_message_size: "4KiB", ping_every: "12s", pong_within: "2s" } } },
  ];
  const env = { GOCHAT_WS__PING_EVERY: "13s", GOCHAT_WS__PONG_WITHIN: "3s" };
  const { config, warnings } = load({ trees, env, flags: { "ws.pong_within": "4s" } });
  expect(config.ws).toEqual({ maxConnections: 1, maxMessageSize: 4096, pingEvery: 13_000, pongWithin: 4000 });
  expect(warnings).toEqual([]);
});

test("every problem is reported at once with key, value, source and allowed range", () => {
  const problems = problemsOf({
    trees: [
      {
        name: "default.yaml",
        values: { ws: { max_connections: 0, ping_every: 30 }, log: "loud", name: "much too long a name" },
      },
    ],
    env: { GOCHAT_HTTP__DOCS: "maybe", LOG_LEVEL: "loud" },
  });
  expect(problems).toEqual([
    { key: "ws.max_connections", value: "0", source: "default.yaml", allowed: "integer 1…1000000" },
    { key: "ws.ping_every", value: "30", source: "default.yaml", allowed: "duration 1s…10m" },
    { key: "log", value: '"loud"', source: "default.yaml", allowed: "a group of keys" },
    { key: "log.level", value: '"loud"', source: "variable LOG_LEVEL", allowed: "one of debug | info | warn" },
    { key: "http.docs", value: '"maybe"', source: "variable GOCHAT_HTTP__DOCS", allowed: "boolean true | false" },
    { key: "name", value: '"much too long a name"', source: "default.yaml", allowed: "text 1…10 characters" },
  ]);
});

test("a rule between keys is checked when each of them is right", () => {
  expect(problemsOf({ flags: { "ws.pong_within": "30s" } })).toEqual([
    { key: "ws", value: "…", source: "together", allowed: "pong_within below ping_every" },
  ]);
});

test("unknown keys warn, except sections of other services", () => {
  const { warnings } = load({
    trees: [{ name: "default.yaml", values: { ws: { max_conections: 1 }, repo: { x: 1 }, ghost: 1 } }],
    env: { GOCHAT_WS__X: "1", GOCHAT_REPO__X: "1", PATH: "/bin" },
    flags: { "a.b": "1" },
    knownElsewhere: ["repo"],
  });
  expect(warnings).toEqual([
    "default.yaml: unknown key ws.max_conections",
    "default.yaml: unknown key ghost",
    "unknown variable GOCHAT_WS__X",
    "unknown flag --a.b",
  ]);
});

test("G7: a secret comes by variable or mounted file only and is shown nowhere", () => {
  const { config } = load({ env: { GOCHAT_JWT__PRIVATE_KEY_FILE: "/run/key" }, readFile: (path) => `from ${path}\n` });
  expect(config.jwt.privateKey).toBe("from /run/key");
  expect(JSON.stringify(redact(spec, config))).not.toContain("from");
  const inTree = problemsOf({ trees: [{ name: "default.yaml", values: { jwt: { private_key: "hunter2" } } }] });
  expect(inTree).toHaveLength(1);
  expect(JSON.stringify(inTree)).not.toContain("hunter2");
  const unreadable = problemsOf({
    env: { GOCHAT_JWT__PRIVATE_KEY_FILE: "/none" },
    readFile: () => {
      throw new Error("ENOENT");
    },
  });
  expect(unreadable.map((one) => one.allowed)).toEqual(["a file that can be read"]);
});

test("an empty variable and an empty YAML value count as not set; lists are split at commas", () => {
  const { config } = load({
    trees: [{ name: "t", values: { name: null } }],
    env: { GOCHAT_NAME: "", GOCHAT_HTTP__TRUSTED_PROXIES: "10.0.0.0/8, ::1/128" },
  });
  expect(config.name).toBe("gochat");
  expect(config.http.trustedProxies).toEqual(["10.0.0.0/8", "::1/128"]);
});

test("a default outside its own range is an error of the program", () => {
  expect(() => int({ default: 0, min: 1, max: 2, doc: "x" })).toThrow(RangeError);
});

test("the reference lists every key with variable, range, defaults and reload", () => {
  const rows = describeConfig(spec);
  expect(rows.map((row) => row.key)).toContain("ws.max_message_size");
  expect(rows.find((row) => row.key === "ws.ping_every")).toEqual({
    key: "ws.ping_every",
    variable: "GOCHAT_WS__PING_EVERY",
    type: "duration",
    allowed: "1s…10m",
    development: "30s",
    production: "30s",
    reload: "hot",
    doc: "ping",
  });
});

test("changed keys are told by what they need", () => {
  const after = load({ flags: { "ws.max_connections": "5", "log.level": "warn" } }).config;
  expect(changedKeys(spec, load().config, after)).toEqual({ hot: ["log.level"], restart: ["ws.max_connections"] });
});
