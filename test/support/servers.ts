import { readFileSync } from "node:fs";
import { join } from "node:path";
import { infra } from "../../cli/infra/main.ts";
import type { ServerName } from "../../cli/infra/server.ts";

/** Real servers that a test may stop, start and wipe: those that `gochat infra up` runs in this folder. `make test` names it. */
const folder = process.env.GOCHAT_TEST_SERVERS;

/** For `describe.skipIf`, and for its name. */
export const noServers = folder === undefined;
export const needsServers = noServers ? " (skipped: needs GOCHAT_TEST_SERVERS=INFRA_DIR of servers to stop)" : "";

export interface Servers {
  /** The variables of infra.env. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Asks a server to end; resolves when it has. */
  stop(name: ServerName): Promise<void>;
  /** Starts it again where it was, with what it had stored; resolves when it answers. */
  start(name: ServerName): Promise<void>;
}

export function openServers(): Servers {
  if (folder === undefined) throw new Error("GOCHAT_TEST_SERVERS names no folder");
  const addresses = readAddresses(join(folder, "infra.env"));
  const run = async (action: "up" | "down", name: ServerName): Promise<void> => {
    const port = /:(\d+)(?:\/|$)/.exec(addresses[`GOCHAT_TEST_${name.toUpperCase()}`] ?? "")?.[1];
    const env = { ...process.env, INFRA_DIR: folder, [`${name.toUpperCase()}_PORT`]: port };
    const code = await infra([action, "--only", name], env);
    if (code !== 0) throw new Error(`gochat infra ${action} --only ${name} ended with ${code}`);
  };
  return { addresses, stop: (name) => run("down", name), start: (name) => run("up", name) };
}

function readAddresses(file: string): Record<string, string> {
  const pairs = [...readFileSync(file, "utf8").matchAll(/^(\w+)=(.*)$/gm)];
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, value]));
}
