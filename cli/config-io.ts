import { createInterface } from "node:readline/promises";
import { loadConfig, section } from "#infra/config/config.ts";
import type { Environment } from "#infra/config/keys.ts";
import { coordSpec } from "#infra/coord/config.ts";
import type { Coord } from "#infra/coord/coord.ts";
import { connectEtcd } from "#infra/coord/etcd.ts";

/** What the command has of the world. */
export interface ConfigIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  print(line: string): void;
  /** Undefined: there is nobody to ask. */
  readonly ask: ((question: string) => Promise<boolean>) | undefined;
  /** Rejects with CoordUnavailableError. */
  connect(options: ConfigOptions): Promise<Pick<Coord, "settings"> & AsyncDisposable>;
}

export interface ConfigOptions {
  readonly environment: Environment;
  readonly configPath: string;
  readonly dryRun: boolean;
  readonly force: boolean;
  /** Where `set` and `get` look for a plain key. */
  readonly service: string;
  /** For the connection: `coord.endpoints` → text. */
  readonly flags: Readonly<Record<string, string>>;
}

/** This process's terminal, and etcd. */
export function terminal(): ConfigIo {
  return {
    env: process.env,
    print: (line) => console.log(line),
    ask: process.stdin.isTTY ? ask : undefined,
    connect({ flags, environment }) {
      // Of the environment only what says how to reach etcd.
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(GOCHAT_)?COORD_/.test(name)));
      const { config } = loadConfig(section({ coord: coordSpec }), { environment, env, flags });
      return connectEtcd(config.coord);
    },
  };
}

async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
