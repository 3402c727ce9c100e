import { join } from "node:path";
import { UsageError } from "../command-line.ts";

export const databases = ["mysql", "mariadb", "postgres"] as const;
export type DatabaseName = (typeof databases)[number];

/** A distributed set. */
export interface UpSettings {
  /** Folder of logs, pids and data. */
  readonly runDir: string;
  readonly gateways: number;
  readonly logics: number;
  readonly db: DatabaseName;
  /** Its name on that server; repo makes the tables. */
  readonly database: string;
  readonly ports: Ports;
  /** Keys of the configuration for all processes, `KEY=VALUE`. */
  readonly set: readonly string[];
}

/** Where a process of the set listens, by its name. */
export interface Ports {
  /** RPC of logic and repo, HTTP of gateways. */
  service(name: string): number;
  /** RPC of a gateway. */
  inside(name: string): number;
  admin(name: string): number;
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
const servicePorts: Readonly<Record<string, number>> = { logic: 9001, repo: 9002 };
const adminPorts: Readonly<Record<string, number>> = { repo: 9191, logic: 9192, task: 9194 };

/** The ports of `make up`: known ones, and gateways from `port` on. */
function upPorts(port: number): Ports {
  const gateway = (name: string): number => Number(name.slice("gateway-".length));
  return {
    service: (name) => servicePorts[name] ?? port + gateway(name) - 1,
    inside: (name) => 9002 + gateway(name),
    admin: (name) => adminPorts[name] ?? 9193 + 10 * gateway(name),
  };
}

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
    logics: 1,
    db: db ?? "mysql",
    // The database of services beside that of tests (cli/infra/sql.ts).
    database: "gochat",
    ports: upPorts(number("PORT", 8080, 1024, 60_000)),
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
  const one = (name: string, service: string, env: Readonly<Record<string, string>> = {}): Planned => {
    const port = service === "task" ? [] : ["--port", String(settings.ports.service(name))];
    const adminPort = settings.ports.admin(name);
    const own = { GOCHAT_DATA__DIR: join(settings.runDir, "data", name), GOCHAT_ADMIN__PORT: String(adminPort) };
    return {
      name,
      args: ["serve", service, ...port, ...set],
      env: { ...shared, ...env, ...own },
      adminPort,
      url: service === "gateway" ? `http://localhost:${settings.ports.service(name)}` : undefined,
    };
  };
  const logics = Array.from({ length: settings.logics }, (_, at) => (at === 0 ? "logic" : `logic-${at + 1}`));
  const gateways = Array.from({ length: settings.gateways }, (_, at) => {
    const name = `gateway-${at + 1}`;
    return one(name, "gateway", { GOCHAT_RPC__PORT: String(settings.ports.inside(name)) });
  });
  // All logic processes sign with the same keys.
  const keys = { GOCHAT_JWT__KEY_FILE: join(settings.runDir, "data", "jwt-keys.json") };
  return [
    one("repo", "repo", { GOCHAT_DB__DSN: inDatabase(address(settings.db), settings.database) }),
    ...logics.map((name) => one(name, "logic", keys)),
    one("task", "task"),
    ...gateways,
  ];
}

/** The same server and account, another database. */
export function inDatabase(dsn: string, database: string): string {
  return dsn.replace(/\/[^/?]*(\?|$)/, `/${database}$1`);
}
