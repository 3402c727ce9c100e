import { parseArgs } from "node:util";
import type { Surroundings } from "#infra/host/sources.ts";

/** A command line that makes no sense; the message says why. Exit code 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const serviceNames = ["gateway", "logic", "repo", "task"] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface ServeCommand {
  readonly name: "serve";
  /** Undefined: all of them in one process. */
  readonly service: ServiceName | undefined;
  readonly surroundings: Surroundings;
}

export type Command =
  | ServeCommand
  | { readonly name: "bench" | "config" | "infra" | "topics" | "up" | "down"; readonly args: readonly string[] }
  | { readonly name: "gateway-process"; readonly bridged: boolean; readonly flags: Readonly<Record<string, string>> }
  | { readonly name: "version" | "help" };

/** Reads the words after `gochat`. `env` gives PORT. Throws UsageError. */
export function parseCommandLine(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const [name = "serve", ...rest] = args;
  switch (name) {
    case "serve":
      return parseServe(rest, env);
    case "bench":
    case "config":
    case "infra":
    case "topics":
    case "up":
    case "down":
      return { name, args: rest };
    case "gateway-process": {
      const { values, positionals } = parsed(rest);
      return { name, bridged: positionals[0] === "bridged", flags: settingsOf(values.set) };
    }
    case "version":
    case "help":
      return { name };
    case "--help":
    case "-h":
      return { name: "help" };
    case "--version":
    case "-v":
      return { name: "version" };
    default:
      if (name.startsWith("-")) return parseServe(args, env);
      throw new UsageError(`There is no command "${name}".`);
  }
}

function parseServe(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const { values, positionals } = parsed(args);
  if (values.help === true) return { name: "help" };
  const [word, extra] = positionals;
  if (extra !== undefined) throw new UsageError(`serve takes one service, not "${positionals.join(" ")}".`);
  const service = serviceNames.find((known) => known === word || `im-${known}` === word);
  if (word !== undefined && service === undefined)
    throw new UsageError(`There is no service "${word}". Services: ${serviceNames.join(", ")}.`);
  const flags = settingsOf(values.set);
  const port = values.port ?? env.PORT;
  if (port !== undefined && port !== "") flags.port = port;
  if (values.host !== undefined) flags.hostname = values.host;
  if (values.data !== undefined) flags["data.dir"] = values.data;
  const { gateways, processes } = values;
  if (gateways !== undefined && service !== undefined)
    throw new UsageError("--gateways is for all services in one process; a gateway alone takes --processes.");
  if (processes !== undefined && service !== "gateway") throw new UsageError("--processes is for `serve gateway`.");
  const count = gateways ?? processes;
  if (count !== undefined) flags.processes = count;
  return { name: "serve", service, surroundings: { env, flags } };
}

/** Of `--set KEY=VALUE`. Throws UsageError. */
export function settingsOf(settings: readonly string[] = []): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const setting of settings) {
    const at = setting.indexOf("=");
    if (at < 1) throw new UsageError(`--set takes KEY=VALUE, not "${setting}".`);
    flags[setting.slice(0, at)] = setting.slice(at + 1);
  }
  return flags;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        port: { type: "string" },
        host: { type: "string" },
        data: { type: "string" },
        gateways: { type: "string" },
        processes: { type: "string" },
        set: { type: "string", multiple: true },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
