import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodes } from "#infra/host/start-error.ts";
import { envFileOf, envText } from "./env-file.ts";
import { InfraError, serverNames } from "./server.ts";
import { createServers } from "./servers.ts";
import { type InfraSettings, kafkaVersions, portVariable } from "./settings.ts";

/** The words that start a compose command, for example ["docker", "compose"]. */
export type Engine = readonly string[];

const engines: readonly { program: string; compose: Engine }[] = [
  { program: "docker", compose: ["docker", "compose"] },
  { program: "podman", compose: ["podman", "compose"] },
];

/** The container engine that answers and can compose; undefined when there is none or processes were asked for. */
export async function containerEngine(settings: InfraSettings): Promise<Engine | undefined> {
  if (settings.engine === "process") return undefined;
  for (const { program, compose } of engines) {
    if (Bun.which(program) === null) continue;
    if ((await succeeds([program, "info"])) && (await succeeds([...compose, "version"]))) return compose;
  }
  if (settings.engine === "container")
    throw new InfraError("INFRA_ENGINE=container, but neither Docker nor Podman answers");
  return undefined;
}

/** Starts the selected services of compose.yaml and waits for their health checks. Returns the exit code. */
export async function composeUp(engine: Engine, settings: InfraSettings, say: (line: string) => void): Promise<number> {
  mkdirSync(settings.runDir, { recursive: true });
  writeFileSync(markOf(settings), JSON.stringify(engine));
  say(`Starting containers by ${engine.join(" ")} ...`);
  const code = await compose(engine, settings, ["up", "--detach", "--wait", "--wait-timeout", "300", ...settings.only]);
  if (code !== 0) {
    say(`A container is not healthy. Its log: ${composeCommand(engine, settings, ["logs"]).join(" ")} NAME`);
    return exitCodes.unavailable;
  }
  const variables: Record<string, string> = {};
  for (const server of createServers(settings))
    Object.assign(variables, server.variables(settings.ports[server.name].number));
  await Bun.write(envFileOf(settings), envText(variables));
  return 0;
}

/** Stops what `composeUp` of this folder started; what is stored stays. */
export async function composeDown(settings: InfraSettings): Promise<number> {
  const engine = startedBy(settings);
  if (engine === undefined) return 0;
  const code = await compose(engine, settings, ["stop", ...settings.only]);
  return code === 0 ? 0 : exitCodes.unavailable;
}

export async function composeStatus(settings: InfraSettings): Promise<number> {
  const engine = startedBy(settings);
  return engine === undefined ? 0 : compose(engine, settings, ["ps", "--all", ...settings.only]);
}

/** Removes the containers and what they stored. */
export async function composeClean(settings: InfraSettings): Promise<number> {
  const engine = startedBy(settings);
  if (engine === undefined) return 0;
  const code = await compose(engine, settings, ["down", "--volumes"]);
  if (code === 0) rmSync(markOf(settings), { force: true });
  return code === 0 ? 0 : exitCodes.unavailable;
}

function composeCommand(engine: Engine, { root, runDir }: InfraSettings, args: readonly string[]): string[] {
  // Two folders with the program have two sets of containers.
  const project = `gochat-${Bun.hash(runDir).toString(36).slice(0, 8)}`;
  return [...engine, "--project-name", project, "--file", join(root, "compose.yaml"), ...args];
}

async function compose(engine: Engine, settings: InfraSettings, args: readonly string[]): Promise<number> {
  const ports = serverNames.map((name) => [portVariable(name), String(settings.ports[name].number)]);
  const child = Bun.spawn(composeCommand(engine, settings, args), {
    env: { ...process.env, ...Object.fromEntries(ports), KAFKA_RELEASE: kafkaVersions[settings.kafka] },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return child.exited;
}

function markOf(settings: InfraSettings): string {
  return join(settings.runDir, "compose.json");
}

function startedBy(settings: InfraSettings): Engine | undefined {
  const file = markOf(settings);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Engine) : undefined;
}

async function succeeds(command: readonly string[]): Promise<boolean> {
  return (await Bun.spawn([...command], { stdio: ["ignore", "ignore", "ignore"] }).exited) === 0;
}
