import { parseArgs } from "node:util";
import { ConfigError } from "#infra/config/config.ts";
import { parseDocument } from "#infra/config/yaml.ts";
import { CoordUnavailableError, type Settings, settingChangesMax } from "#infra/coord/coord.ts";
import { report } from "#infra/host/run.ts";
import { environmentOf } from "#infra/host/sources.ts";
import { exitCodes } from "#infra/host/start-error.ts";
import { UsageError } from "./command-line.ts";
import { differences } from "./config-diff.ts";
import { keyOf, placeOf, problemsOf, readDocuments } from "./config-documents.ts";
import { type ConfigIo, type ConfigOptions, terminal } from "./config-io.ts";
import { listConfig } from "./config-list.ts";
import { partAt, targetOf, withPart } from "./config-target.ts";

/** `gochat config [get|set|delete|sync|diff]`. Answers the exit code: `diff` 1 when there is a difference. Throws UsageError. */
export async function configCommand(args: readonly string[], io: ConfigIo = terminal()): Promise<number> {
  if (args.includes("--help")) {
    io.print(usage);
    return 0;
  }
  const { options, words } = parse(args, io.env);
  const [verb = "list", ...rest] = words;
  const count = (min: number, max: number): void => {
    if (rest.length < min || rest.length > max) throw new UsageError(usage);
  };
  const inCentre = async (run: (settings: Settings) => Promise<number>): Promise<number> => {
    try {
      await using coord = await io.connect(options);
      return await run(coord.settings);
    } catch (error) {
      if (error instanceof ConfigError) return report(error);
      if (!(error instanceof CoordUnavailableError)) throw error;
      io.print(`The configuration centre does not answer: ${error.message}. Name it by --endpoints HOST:PORT.`);
      return exitCodes.unavailable;
    }
  };
  const [key = "", value = ""] = rest;
  switch (verb) {
    case "list":
      count(0, 0);
      return listConfig(io.print);
    case "get":
      count(0, 1);
      return inCentre((settings) => get(settings, key, options, io));
    case "set":
      count(2, 2);
      return inCentre((settings) => change(settings, key, parseDocument(value, ""), options, io));
    case "delete":
      count(1, 1);
      return inCentre((settings) => change(settings, key, undefined, options, io));
    case "sync":
    case "diff":
      count(0, 1);
      return sync(verb, options, io, inCentre);
    default:
      throw new UsageError(`config does one of list, get, set, delete, sync, diff, not "${verb}".`);
  }
}

const usage = `gochat config                       every key, with its type, bounds and defaults
gochat config get [KEY]             what the configuration centre holds
gochat config set KEY VALUE         KEY: ws.max_connections (--service gateway), or a document: gateway/ratelimit/limits
gochat config delete KEY
gochat config sync [ENVIRONMENT]    writes config/ENVIRONMENT/{global,SERVICE}/COMPONENT.yaml
gochat config diff [ENVIRONMENT]    what sync would change; exit code 1 when there is something
Options: --endpoints HOST:PORT,… --username --password --timeout 10s --config-path config --env ENVIRONMENT --service SERVICE --dry-run --force`;

function parse(args: readonly string[], env: ConfigIo["env"]): { options: ConfigOptions; words: string[] } {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const connection = { endpoints: text, username: text, password: text, timeout: text };
  const other = { "config-path": text, env: text, service: text, "dry-run": flag, force: flag };
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...connection, ...other },
    });
    const flags: Record<string, string> = {};
    const connecting = { endpoints: values.endpoints, username: values.username, password: values.password };
    for (const [name, value] of Object.entries({ ...connecting, start_wait: values.timeout ?? "10s" }))
      if (value !== undefined) flags[`coord.${name}`] = value;
    const byVerb = ["sync", "diff"].includes(positionals[0] ?? "") ? positionals[1] : undefined;
    const named = values.env ?? byVerb ?? env.APP_ENV;
    return {
      words: positionals,
      options: {
        environment: environmentOf(named),
        configPath: values["config-path"] ?? env.GOCHAT_CONFIG_DIR ?? "config",
        dryRun: values["dry-run"] === true,
        force: values.force === true,
        service: values.service ?? "global",
        flags,
      },
    };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function get(settings: Settings, name: string, options: ConfigOptions, io: ConfigIo): Promise<number> {
  if (name === "") {
    const all = await settings.list(`/config/${options.environment}/`);
    for (const { key, value } of all) io.print(`${key} ${value}`);
    if (all.length === 0) io.print(`The configuration centre holds nothing for ${options.environment}.`);
    return 0;
  }
  const target = targetOf(name, options);
  const setting = await settings.get(keyOf(target.place));
  const part = setting === undefined ? undefined : partAt(parseDocument(setting.value, ""), target.path);
  if (part === undefined) {
    io.print(`${name} is not in the configuration centre (${keyOf(target.place)}).`);
    return 1;
  }
  io.print(JSON.stringify(part));
  return 0;
}

/** `value` undefined: takes the key away, and the document when nothing is left of it. */
async function change(
  settings: Settings,
  name: string,
  value: unknown,
  options: ConfigOptions,
  io: ConfigIo,
): Promise<number> {
  const { place, path } = targetOf(name, options);
  const key = keyOf(place);
  const before = await settings.get(key);
  const after = withPart(before === undefined ? undefined : parseDocument(before.value, ""), path, value);
  const problems = after === undefined ? [] : problemsOf(place, after);
  if (problems.length > 0) return refuse(problems, io);
  const lines = differences(before?.value, after);
  print(io, key, lines);
  if (lines.length === 0 || options.dryRun) return 0;
  if (after === undefined) {
    await settings.delete(key);
    return 0;
  }
  if ((await settings.compareAndSet(key, before?.version, JSON.stringify(after))) !== undefined) return 0;
  io.print(`${key} was changed by somebody else meanwhile; nothing was written. Try again.`);
  return 1;
}

async function sync(
  verb: "sync" | "diff",
  options: ConfigOptions,
  io: ConfigIo,
  inCentre: (run: (settings: Settings) => Promise<number>) => Promise<number>,
): Promise<number> {
  const { documents, problems } = readDocuments(options.configPath, options.environment);
  if (problems.length > 0) return refuse(problems, io);
  return inCentre(async (settings) => {
    const known = new Map<string, string>();
    for (const { key, value } of await settings.list(`/config/${options.environment}/`)) known.set(key, value);
    const changes: { key: string; value: string }[] = [];
    for (const { key, values } of documents) {
      const lines = differences(known.get(key), values);
      if (lines.length === 0) continue;
      print(io, key, lines);
      changes.push({ key, value: JSON.stringify(values) });
    }
    const files = new Set(documents.map(({ key }) => key));
    for (const key of known.keys())
      if (!files.has(key) && placeOf(key) !== undefined) io.print(`${key} is in the centre only; it stays.`);
    if (changes.length === 0) io.print(`Nothing to change for ${options.environment}.`);
    if (verb === "diff") return changes.length === 0 ? 0 : 1;
    if (changes.length === 0 || options.dryRun) return 0;
    return (await agreed(changes.length, options, io)) ? write(settings, changes, io) : 1;
  });
}

async function agreed(count: number, options: ConfigOptions, io: ConfigIo): Promise<boolean> {
  if (options.force) return true;
  if (io.ask === undefined)
    throw new UsageError("There is no terminal to ask: add --force, or --dry-run to look only.");
  return io.ask(`Write ${count} documents for ${options.environment}?`);
}

async function write(settings: Settings, changes: { key: string; value: string }[], io: ConfigIo): Promise<number> {
  if (changes.length > settingChangesMax) {
    io.print(
      `${changes.length} documents do not fit into one step of ${settingChangesMax}; write some of them by set.`,
    );
    return 1;
  }
  await settings.setAll(changes);
  io.print(`${changes.length} documents written.`);
  return 0;
}

function refuse(problems: readonly string[], io: ConfigIo): number {
  io.print("The configuration is wrong, nothing was written:");
  for (const problem of problems) io.print(`  ${problem}`);
  return exitCodes.config;
}

function print(io: ConfigIo, key: string, lines: readonly string[]): void {
  if (lines.length > 0) io.print(key);
  for (const line of lines) io.print(`  ${line}`);
}
