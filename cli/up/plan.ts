import { join } from "node:path";
import { UsageError } from "../command-line.ts";

export const databases = ["mysql", "mariadb", "postgres"] as const;
export type DatabaseName = (typeof databases)[number];

/** What `make up` may be told. */
export interface UpSettings {
  /** Folder of logs, pids and data. */
  readonly runDir: string;
  readonly gateways: number;
  readonly db: DatabaseName;
  /** Port of the first gateway; the others follow. */
  readonly port: number;
  /** Keys of the configuration for all processes, `KEY=VALUE`. */
  readonly set: readonly string[];
}

/** One process of the distributed set. */
export interface Planned {
  readonly name: string;
  /** Words after `gochat`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly adminPort: number;
  /** Public address, for gateways. */
  readonly url: string | undefined;
}

export const gatewaysMax = 8;
const logicPort = 9001;
const repoPort = 9002;

/** Reads GATEWAYS, DB and PORT. Throws UsageError with every fault. */
export function readUpSettings(
  root: string,
  env: Readonly<Record<string, string | undefined>>,
  set: readonly string[],
): UpSettings {
  const faults: string[] = [];
  const number = (name: string, fallback: number, min: number, max: number): number => {
    const text = env[name] ?? "";
    const value = text === "" ? fallback : Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    faults.push(`${name} is a whole number from ${min} to ${max}, not "${text}".`);
    return fallback;
  };
  const word = env.DB ?? "";
  const db = word === "" ? "mysql" : databases.find((known) => known === word);
  if (db === undefined) faults.push(`DB is one of ${databases.join(", ")}, not "${word}".`);
  const settings: UpSettings = {
    runDir: join(env.INFRA_DIR ?? join(root, ".run"), "up"),
    gateways: number("GATEWAYS", 1, 1, gatewaysMax),
    db: db ?? "mysql",
    port: number("PORT", 8080, 1024, 60_000),
    set,
  };
  if (faults.length > 0) throw new UsageError(faults.join("\n"));
  return settings;
}

/** Addresses as `make infra-up` writes them to `.run/infra.env`. */
export type Addresses = Readonly<Record<string, string>>;

/** The variable that holds the address of each server that is needed. */
export function neededVariables(db: DatabaseName): readonly string[] {
  return ["GOCHAT_TEST_REDIS", "GOCHAT_TEST_ETCD", "GOCHAT_TEST_KAFKA", `GOCHAT_TEST_${db.toUpperCase()}`];
}

/** Repo, logic, task and the gateways, in the order of their start. */
export function plan(settings: UpSettings, addresses: Addresses, serviceToken: string): Planned[] {
  const address = (name: string): string => addresses[`GOCHAT_TEST_${name.toUpperCase()}`] ?? "";
  const shared = {
    APP_ENV: "development",
    COORD_ETCD_ENDPOINTS: address("etcd"),
    GOCHAT_CACHE__DRIVER: "redis",
    GOCHAT_CACHE__NODES: address("redis"),
    GOCHAT_MQ__DRIVER: "kafka",
    GOCHAT_MQ__KAFKA__BROKERS: address("kafka"),
    GOCHAT_RPC__SERVICE_TOKEN: serviceToken,
    GOCHAT_LOG__FORMAT: "json",
  };
  const set = settings.set.flatMap((setting) => ["--set", setting]);
  const one = (
    name: string,
    service: string,
    port: number | undefined,
    adminPort: number,
    env: Readonly<Record<string, string>> = {},
  ): Planned => ({
    name,
    args: ["serve", service, ...(port === undefined ? [] : ["--port", String(port)]), ...set],
    env: {
      ...shared,
      ...env,
      GOCHAT_DATA__DIR: join(settings.runDir, "data", name),
      GOCHAT_ADMIN__PORT: String(adminPort),
    },
    adminPort,
    url: service === "gateway" ? `http://localhost:${port}` : undefined,
  });
  const gateways = Array.from({ length: settings.gateways }, (_, at) =>
    one(`gateway-${at + 1}`, "gateway", settings.port + at, 9193 + 10 * (at + 1)),
  );
  return [
    one("repo", "repo", repoPort, 9191, { GOCHAT_DB__DSN: ownDatabase(address(settings.db)) }),
    // All logic processes sign with the same keys.
    one("logic", "logic", logicPort, 9192, { GOCHAT_JWT__KEY_FILE: join(settings.runDir, "data", "jwt-keys.json") }),
    one("task", "task", undefined, 9194),
    ...gateways,
  ];
}

/** The database of services beside that of tests (cli/infra/sql.ts). */
function ownDatabase(dsn: string): string {
  return dsn.replace(/\/[^/?]*(\?|$)/, "/gochat$1");
}
