import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readOrMakeSecret } from "#infra/host/data-folder.ts";
import { exitCodes } from "#infra/host/start-error.ts";
import { gochatCommand } from "../../bench/server-process.ts";
import type { Cluster } from "../../bench/target.ts";
import { UsageError } from "../command-line.ts";
import { createProcesses, lastLines, type Processes } from "../infra/processes.ts";
import { type Addresses, neededVariables, type Planned, plan, readUpSettings, type UpSettings } from "./plan.ts";

/** How long a process may take until it is ready, ms. */
const readyMs = 60_000;
const lookMs = 100;

/** `gochat up [--set KEY=VALUE]`: four services as processes of their own on the servers of `gochat infra up`. */
export async function up(args: readonly string[]): Promise<number> {
  const root = resolve(import.meta.dir, "../..");
  const settings = readUpSettings(root, process.env, setOptions(args));
  const addresses = readAddresses(join(settings.runDir, "..", "infra.env"));
  const absent = neededVariables(settings.db).filter((name) => addresses[name] === undefined);
  if (absent.length > 0) {
    console.error(`No address of ${absent.join(", ")} in .run/infra.env. Run \`make infra-up\` first.`);
    return exitCodes.unavailable;
  }
  const { processes, pidDir } = open(settings);
  const serviceToken = readOrMakeSecret(join(settings.runDir, "service-token"));
  const planned = plan(settings, addresses, serviceToken);
  // Repo migrates the database and logic makes the keys, so each is ready before the next begins.
  for (const one of planned) {
    if (processes.running(one.name) !== undefined) continue;
    launch(one, settings, processes);
    if (!(await becomesReady(one, settings, processes))) return exitCodes.unavailable;
  }
  writeFileSync(join(pidDir, "names.json"), JSON.stringify(planned.map(({ name }) => name)));
  const cluster: Cluster = {
    processes: planned.map(({ name, url, adminPort }) => ({
      name,
      pid: processes.running(name)?.pid ?? 0,
      adminUrl: `http://127.0.0.1:${adminPort}`,
      url: url ?? null,
    })),
  };
  writeFileSync(join(settings.runDir, "cluster.json"), `${JSON.stringify(cluster, null, 2)}\n`);
  for (const { name, url, adminPort } of planned)
    console.log(`  ${name.padEnd(10)} ${(url ?? "").padEnd(24)} health http://127.0.0.1:${adminPort}/health`);
  console.log(`GoChat is ready: ${planned.flatMap(({ url }) => url ?? []).join(" ")}`);
  console.log(`  logs    ${join(settings.runDir, "log")}\n  stop    make down`);
  return 0;
}

/** `gochat down`: drains and stops what `gochat up` started, gateways first. */
export async function down(args: readonly string[]): Promise<number> {
  const root = resolve(import.meta.dir, "../..");
  const settings = readUpSettings(root, process.env, setOptions(args));
  const { processes, pidDir } = open(settings);
  const file = join(pidDir, "names.json");
  const names = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as string[]) : [];
  const gateways = names.filter((name) => name.startsWith("gateway"));
  await Promise.all(gateways.map((name) => stop(name, processes)));
  for (const name of names.filter((name) => !name.startsWith("gateway")).toReversed()) await stop(name, processes);
  return 0;
}

async function stop(name: string, processes: Processes): Promise<void> {
  if (await processes.stop(name)) console.log(`  ${name.padEnd(10)} stopped`);
}

function open(settings: UpSettings): { processes: Processes; pidDir: string } {
  const pidDir = join(settings.runDir, "pid");
  mkdirSync(pidDir, { recursive: true });
  return { processes: createProcesses(pidDir), pidDir };
}

function setOptions(args: readonly string[]): readonly string[] {
  try {
    return parseArgs({ args: [...args], options: { set: { type: "string", multiple: true } } }).values.set ?? [];
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readAddresses(file: string): Addresses {
  if (!existsSync(file)) return {};
  const lines = readFileSync(file, "utf8").split("\n");
  const pairs = lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split(/=(.*)/s));
  return Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, value]));
}

const logOf = (name: string, settings: UpSettings): string => join(settings.runDir, "log", `${name}.log`);

function launch(one: Planned, settings: UpSettings, processes: Processes): void {
  // What this shell was told of ports is meant for the gateways only, and is in their arguments.
  const env = { ...one.env, PORT: "" };
  const command = [...gochatCommand(), ...one.args];
  processes.start(one.name, { command, env }, { port: one.adminPort, logFile: logOf(one.name, settings), variant: "" });
}

async function becomesReady(one: Planned, settings: UpSettings, processes: Processes): Promise<boolean> {
  const deadline = Date.now() + readyMs;
  while (Date.now() < deadline && processes.running(one.name) !== undefined) {
    const ready = await fetch(`http://127.0.0.1:${one.adminPort}/readyz`, { signal: AbortSignal.timeout(1000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return true;
    await Bun.sleep(lookMs);
  }
  const log = logOf(one.name, settings);
  console.error(`${one.name} did not become ready. The last lines of ${log}:\n${lastLines(log, 15)}`);
  return false;
}
