import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeEnvFile } from "./env-file.ts";
import { freePort } from "./ports.ts";
import { createProcesses, lastLines, type Processes, type ProcessRecord } from "./processes.ts";
import { InfraError, type Place, type Server, type ServerName } from "./server.ts";
import { createServers } from "./servers.ts";
import { type InfraSettings, portVariable } from "./settings.ts";

const logLinesShown = 15;
const checkEveryMs = 100;

export interface Outcome {
  readonly server: Server;
  readonly state: "ready" | "left out" | "failed";
  readonly port: number;
}

/** Starts the selected servers that do not run, all at once, and resolves when each is ready or has failed. Never rejects for a server. */
export async function startProcesses(
  settings: InfraSettings,
  say: (line: string) => void,
): Promise<readonly Outcome[]> {
  const processes = createProcesses(join(settings.runDir, "pid"));
  const servers = createServers(settings).filter(({ name }) => settings.only.includes(name));
  const taken = new Set<number>();
  const outcomes = await Promise.all(servers.map((server) => bringUp(server, { settings, processes, taken, say })));
  await writeEnvFile(settings, processes);
  return outcomes;
}

function logTail(logFile: string): string {
  const lines = lastLines(logFile, logLinesShown).split("\n");
  return [`\n${" ".repeat(13)}log: ${logFile}`, ...lines.map((line) => `${" ".repeat(13)}| ${line}`)].join("\n");
}

interface Surroundings {
  readonly settings: InfraSettings;
  readonly processes: Processes;
  /** Ports that this run has given to servers that do not listen yet. */
  readonly taken: Set<number>;
  say(line: string): void;
}

async function bringUp(server: Server, around: Surroundings): Promise<Outcome> {
  const { settings, processes } = around;
  const say = (line: string) => around.say(`${server.name.padEnd(11)}${line}`);
  const logFile = join(settings.runDir, "log", `${server.name}.log`);
  const reason = server.missing?.();
  if (reason !== undefined) {
    say(`left out: ${reason}`);
    return { server, state: "left out", port: 0 };
  }
  let port = 0;
  try {
    const record = await keepRunning(server, around, say);
    port = record?.port ?? (await choosePort(server, around, say));
    const place = placeOf(settings, server.name, port, logFile, say);
    if (
      record !== undefined &&
      (await server.check(place).then(
        () => true,
        () => false,
      ))
    ) {
      say(`ready on port ${port} (was running)`);
      return { server, state: "ready", port };
    }
    await launch(server, place, record, processes);
    return { server, state: "ready", port };
  } catch (error) {
    const what = error instanceof InfraError ? error.message : String(error);
    say(`FAILED: ${what}${error instanceof InfraError && !error.logged ? "" : logTail(logFile)}`);
    return { server, state: "failed", port };
  }
}

/** The process of an earlier run when it is what is wanted now; one of another version or on another port is stopped. */
async function keepRunning(
  server: Server,
  { settings, processes, taken }: Surroundings,
  say: (line: string) => void,
): Promise<ProcessRecord | undefined> {
  const record = processes.running(server.name);
  if (record === undefined) return undefined;
  const wanted = settings.ports[server.name];
  const moved = wanted.fixed && wanted.number !== record.port;
  const changed = settings.kafkaFixed && record.variant !== (server.variant ?? "");
  if (!moved && !changed) return record;
  // Before the stop: a port that cannot be had is no reason to lose what runs.
  if (moved && (await freePort(wanted, 1, new Set(taken))) === undefined) throw portInUse(server, wanted.number);
  say(moved ? `stopping, to move to port ${wanted.number}` : `stopping ${record.variant}, to start ${server.variant}`);
  await processes.stop(server.name);
  return undefined;
}

async function choosePort(
  server: Server,
  { settings, taken }: Surroundings,
  say: (line: string) => void,
): Promise<number> {
  const wanted = settings.ports[server.name];
  const port = await freePort(wanted, server.portCount, taken);
  if (port === undefined) throw portInUse(server, wanted.number);
  if (port !== wanted.number) say(`port ${wanted.number} is used by another program, taking ${port}`);
  return port;
}

function portInUse(server: Server, port: number): InfraError {
  const ports = server.portCount === 1 ? `port ${port} is` : `port ${port} or ${port + server.portCount - 1} is`;
  return new InfraError(`${ports} used by another program. Set ${portVariable(server.name)} to a free one.`, {
    logged: false,
  });
}

async function launch(
  server: Server,
  place: Place,
  running: ProcessRecord | undefined,
  processes: Processes,
): Promise<void> {
  const beganMs = Date.now();
  let record = running;
  if (record === undefined) {
    await server.install(place);
    const launched = await server.start(place);
    const about = { port: place.port, logFile: place.logFile, variant: server.variant ?? "" };
    record = processes.start(server.name, launched, about);
    place.say(`starting on port ${place.port}`);
  }
  const untilMs = Date.now() + server.readyMs;
  for (let last = "no answer"; ; await Bun.sleep(checkEveryMs)) {
    const problem = await server.check(place).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (problem === undefined) break;
    last = problem;
    if (processes.running(server.name)?.pid !== record.pid) throw new InfraError("the process ended while starting");
    if (Date.now() > untilMs) throw new InfraError(`not ready after ${server.readyMs / 1000} s: ${last}`);
  }
  place.say(`ready on port ${place.port} (${((Date.now() - beganMs) / 1000).toFixed(1)} s)`);
}

export function placeOf(
  settings: InfraSettings,
  name: ServerName,
  port: number,
  logFile: string,
  say: (line: string) => void,
): Place {
  const programs = join(settings.programsDir, "programs", name);
  mkdirSync(programs, { recursive: true });
  mkdirSync(join(settings.runDir, "data"), { recursive: true });
  return { host: "127.0.0.1", port, programs, data: join(settings.runDir, "data", name), logFile, say };
}
