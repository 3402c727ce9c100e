import { join } from "node:path";
import { createProcesses } from "./processes.ts";
import { createServers } from "./servers.ts";
import type { InfraSettings } from "./settings.ts";
import { placeOf } from "./up.ts";

/** Prints a table of the servers: state, port, process, since when, log. */
export async function processTable(settings: InfraSettings): Promise<string> {
  const processes = createProcesses(join(settings.runDir, "pid"));
  const rows = await Promise.all(
    createServers(settings)
      .filter(({ name }) => settings.only.includes(name))
      .map(async (server) => {
        const record = processes.running(server.name);
        const log = join(settings.runDir, "log", `${server.name}.log`);
        if (record === undefined) return [server.name, "stopped", "", "", "", ""];
        const place = placeOf(settings, server.name, record.port, log, () => {});
        const state = await server.check(place).then(
          () => "ready",
          () => "not ready",
        );
        return [
          `${server.name} ${record.variant}`.trim(),
          state,
          String(record.port),
          String(record.pid),
          ageOf(Date.now() - record.startedAtMs),
          log,
        ];
      }),
  );
  return formatTable([["server", "state", "port", "pid", "up", "log"], ...rows]);
}

/** Columns as wide as their widest cell, two spaces between them. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** "42 s", "17 min", "5 h", "3 d". */
export function ageOf(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
