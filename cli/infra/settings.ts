import { resolve } from "node:path";
import { UsageError } from "../command-line.ts";
import { type ServerName, serverNames } from "./server.ts";

export const kafkaVersions = { "3.9": "3.9.1", "4.1": "4.1.1" } as const;
export type KafkaVersion = keyof typeof kafkaVersions;

export interface Port {
  readonly number: number;
  /** True when the reader asked for exactly this one. Otherwise a free one nearby is as good. */
  readonly fixed: boolean;
}

export interface InfraSettings {
  /** Folder of data, logs and pids. */
  readonly runDir: string;
  /** Folder of what is downloaded, unpacked and built; several run folders may share it. */
  readonly programsDir: string;
  readonly root: string;
  readonly only: readonly ServerName[];
  readonly ports: Readonly<Record<ServerName, Port>>;
  readonly kafka: KafkaVersion;
  /** True when the reader asked for this version. Otherwise a running broker of another one is as good. */
  readonly kafkaFixed: boolean;
  /** Containers or local processes; "auto" takes containers where an engine answers. */
  readonly engine: "auto" | "container" | "process";
}

const defaultPorts: Readonly<Record<ServerName, number>> = {
  redis: 16379,
  etcd: 12379,
  postgres: 15432,
  mariadb: 13307,
  mysql: 13306,
  kafka: 19092,
  opensearch: 19200,
  s3: 17070,
};

type Env = Readonly<Record<string, string | undefined>>;

/** Reads ONLY, INFRA_DIR, INFRA_PROGRAMS (default: INFRA_DIR), INFRA_ENGINE, KAFKA_VERSION and `<SERVER>_PORT` (REDIS_PORT …). Relative folders start at
 *  the project. Throws UsageError with every fault. */
export function readInfraSettings(root: string, env: Env, only: string | undefined): InfraSettings {
  const faults: string[] = [];
  const settings: InfraSettings = {
    root,
    runDir: resolve(root, env.INFRA_DIR ?? ".run"),
    programsDir: resolve(root, env.INFRA_PROGRAMS ?? env.INFRA_DIR ?? ".run"),
    only: selected(only ?? env.ONLY ?? "", faults),
    ports: {
      redis: port("redis", env, faults),
      etcd: port("etcd", env, faults),
      postgres: port("postgres", env, faults),
      mariadb: port("mariadb", env, faults),
      mysql: port("mysql", env, faults),
      kafka: port("kafka", env, faults),
      opensearch: port("opensearch", env, faults),
      s3: port("s3", env, faults),
    },
    kafka: oneOf("KAFKA_VERSION", env, ["4.1", "3.9"], faults),
    kafkaFixed: (env.KAFKA_VERSION ?? "") !== "",
    engine: oneOf("INFRA_ENGINE", env, ["auto", "container", "process"], faults),
  };
  if (faults.length > 0) throw new UsageError(faults.join("\n"));
  return settings;
}

/** The name of the variable that moves a server to another port. */
export function portVariable(name: ServerName): string {
  return `${name.toUpperCase()}_PORT`;
}

function selected(text: string, faults: string[]): readonly ServerName[] {
  const words = text.split(",").map((word) => word.trim());
  const wanted = new Set<ServerName>();
  for (const word of words) {
    const name = serverNames.find((known) => known === word);
    if (name !== undefined) wanted.add(name);
    else if (word !== "") faults.push(`ONLY: there is no server "${word}". Servers: ${serverNames.join(", ")}.`);
  }
  return wanted.size === 0 ? serverNames : serverNames.filter((name) => wanted.has(name));
}

function port(name: ServerName, env: Env, faults: string[]): Port {
  const variable = portVariable(name);
  const text = env[variable];
  if (text === undefined || text === "") return { number: defaultPorts[name], fixed: false };
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 65_000)
    faults.push(`${variable} is a port from 1 to 65000, not "${text}".`);
  return { number, fixed: true };
}

/** The first of `allowed` is the default. */
function oneOf<T extends string>(variable: string, env: Env, allowed: readonly [T, ...T[]], faults: string[]): T {
  const text = env[variable] ?? "";
  const value = text === "" ? allowed[0] : allowed.find((one) => one === text);
  if (value === undefined) faults.push(`${variable} is one of ${allowed.join(", ")}, not "${text}".`);
  return value ?? allowed[0];
}
