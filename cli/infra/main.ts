import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { exitCodes } from "#infra/host/start-error.ts";
import { UsageError } from "../command-line.ts";
import { runTopics } from "../topics.ts";
import { composeClean, composeDown, composeStatus, composeUp, containerEngine } from "./compose.ts";
import { writeEnvFile } from "./env-file.ts";
import { withLock } from "./lock.ts";
import { createProcesses } from "./processes.ts";
import { createServers } from "./servers.ts";
import { type InfraSettings, readInfraSettings } from "./settings.ts";
import { processTable } from "./status.ts";
import { placeOf, startProcesses } from "./up.ts";

const actions = ["up", "down", "status", "clean"] as const;

/** `gochat infra up|down|status|clean [--only redis,kafka]`. Returns the exit code: 69 when a server is not there. */
export async function infra(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<number> {
  const { action, only } = parseInfra(args);
  const settings = readInfraSettings(resolve(import.meta.dir, "../.."), env, only);
  if (action === "status") return status(settings);
  return withLock(join(settings.runDir, "lock"), () => {
    if (action === "up") return withPrograms(settings, () => up(settings));
    return action === "down" ? down(settings) : clean(settings);
  });
}

/** Another run folder may share the programs: two must not install at once. */
function withPrograms<T>({ programsDir, runDir }: InfraSettings, body: () => Promise<T>): Promise<T> {
  return programsDir === runDir ? body() : withLock(join(programsDir, "lock"), body);
}

/** Throws UsageError. */
export function parseInfra(args: readonly string[]): { action: (typeof actions)[number]; only: string | undefined } {
  const [word, ...rest] = args;
  const action = actions.find((known) => known === word);
  if (action === undefined) throw new UsageError(`infra takes one of ${actions.join(", ")}, not "${word ?? ""}".`);
  const [option, value, extra] = rest.flatMap((text) =>
    text.startsWith("--only=") ? ["--only", text.slice(7)] : [text],
  );
  if (option === undefined) return { action, only: undefined };
  if (option !== "--only" || value === undefined || extra !== undefined)
    throw new UsageError(`infra ${action} takes only --only SERVER,SERVER, not "${rest.join(" ")}".`);
  return { action, only: value };
}

async function up(settings: InfraSettings): Promise<number> {
  const engine = await containerEngine(settings);
  if (engine !== undefined) return composeUp(engine, settings, console.log);
  const outcomes = await startProcesses(settings, console.log);
  const failed = outcomes.filter(({ state }) => state === "failed").map(({ server }) => server.name);
  if (failed.length > 0) {
    console.error(`Not running: ${failed.join(", ")} (see above).`);
    return exitCodes.unavailable;
  }
  const kafka = createProcesses(join(settings.runDir, "pid")).running("kafka");
  const topics = kafka === undefined ? 0 : await createTopics(`127.0.0.1:${kafka.port}`);
  console.log(`Addresses: ${join(settings.runDir, "infra.env")}`);
  return topics;
}

/** The topics of an installation, so that no first record waits for one. Those that are there stay as they are. */
function createTopics(brokers: string): Promise<number> {
  const env = { GOCHAT_MQ__DRIVER: "kafka", GOCHAT_MQ__KAFKA__BROKERS: brokers };
  return runTopics(["create"], { env });
}

async function down(settings: InfraSettings): Promise<number> {
  const processes = createProcesses(join(settings.runDir, "pid"));
  await Promise.all(
    settings.only.map(async (name) => {
      if (await processes.stop(name)) console.log(`${name.padEnd(11)}stopped`);
    }),
  );
  await writeEnvFile(settings, processes);
  return composeDown(settings);
}

async function status(settings: InfraSettings): Promise<number> {
  console.log(await processTable(settings));
  return composeStatus(settings);
}

async function clean(settings: InfraSettings): Promise<number> {
  const processes = createProcesses(join(settings.runDir, "pid"));
  const running = settings.only.filter((name) => processes.running(name) !== undefined);
  if (running.length > 0) {
    console.error(`These still run: ${running.join(", ")}. Stop them first: make infra-down`);
    return exitCodes.unavailable;
  }
  for (const server of createServers(settings).filter(({ name }) => settings.only.includes(name))) {
    const place = placeOf(settings, server.name, 0, "", () => {});
    for (const folder of [place.data, ...(server.stored?.(place) ?? [])])
      rmSync(folder, { recursive: true, force: true });
  }
  return composeClean(settings);
}
