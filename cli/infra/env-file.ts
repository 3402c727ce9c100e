import { join } from "node:path";
import type { Processes } from "./processes.ts";
import { createServers } from "./servers.ts";
import type { InfraSettings } from "./settings.ts";

/** Writes `infra.env`: the variables of every server that runs, one KEY=VALUE a line, safe for a shell to source. */
export async function writeEnvFile(settings: InfraSettings, processes: Processes): Promise<void> {
  const variables: Record<string, string> = {};
  for (const server of createServers(settings)) {
    const record = processes.running(server.name);
    if (record !== undefined) Object.assign(variables, server.variables(record.port));
  }
  await Bun.write(envFileOf(settings), envText(variables));
}

export function envFileOf(settings: InfraSettings): string {
  return join(settings.runDir, "infra.env");
}

/** MariaDB stands in for a MySQL that cannot run here. */
export function envText(variables: Readonly<Record<string, string>>): string {
  const { GOCHAT_TEST_MYSQL: mysql, GOCHAT_TEST_MARIADB: mariadb } = variables;
  const lines = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  if (mysql === undefined && mariadb !== undefined)
    lines.push("# There is no MySQL: MariaDB stands in.", `GOCHAT_TEST_MYSQL=${mariadb}`);
  return `${lines.join("\n")}\n`;
}
