// The files config/default.yaml and config/{service}.yaml: every key with its meaning and default, all of it commented out.
// `bun cli/config-files.ts` writes them anew after the keys have changed; config-files.test.ts keeps them true.
import type { AnySection } from "#infra/config/config.ts";
import { type Described, describeConfig } from "#infra/config/describe.ts";
import { hostSpec } from "#infra/host/config.ts";
import { allSpec } from "./all-in-one-spec.ts";
import { serviceSpecs } from "./config-specs.ts";

const title = {
  default: "Settings of every process.",
  gateway: "Settings of the gateway: HTTP, WebSocket, the entrance.",
  logic: "Settings of logic: accounts, conversations, the pipeline of messages.",
  repo: "Settings of repo: the database.",
  task: "Settings of task: fan-out, outbox, what runs in the background.",
} as const;

/** Path from the root of the project → content. */
export function configFiles(): Map<string, string> {
  const specs: Record<keyof typeof title, readonly AnySection[]> = {
    default: [hostSpec, allSpec],
    gateway: [serviceSpecs.gateway],
    logic: [serviceSpecs.logic],
    repo: [serviceSpecs.repo],
    task: [serviceSpecs.task],
  };
  const files = new Map<string, string>();
  for (const [name, sections] of Object.entries(specs)) {
    const heading = Reflect.get(title, name) as string;
    files.set(`config/${name}.yaml`, `${intro(heading)}${sections.flatMap(linesOf).join("\n")}\n`);
  }
  return files;
}

function intro(heading: string): string {
  return `# ${heading} Take the comment sign from a line to change it (and from the lines of its group).
# Later ones win: this file, config/{environment}/{global,service}/*.yaml, the configuration centre (gochat config sync),
# variables (GOCHAT_LOG__LEVEL), options (--set log.level=debug). "hot": a change in the centre acts without a restart.
# Secrets come from a variable, or from a file whose path a variable names (GOCHAT_DB__DSN_FILE).

`;
}

/** Two comment signs before what stays a comment, one before what is a setting. */
function linesOf(spec: AnySection): string[] {
  const lines: string[] = [];
  let open: readonly string[] = [];
  for (const one of describeConfig(spec)) {
    const path = one.key.split(".");
    const groups = path.slice(0, -1);
    let same = 0;
    while (same < groups.length && open[same] === groups[same]) same += 1;
    for (let depth = same; depth < groups.length; depth += 1) lines.push(line(depth, `${groups[depth]}:`));
    open = groups;
    lines.push(
      line(groups.length, `## ${one.doc} (${one.type}: ${one.allowed}${one.reload === "hot" ? "; hot" : ""})`),
    );
    lines.push(line(groups.length, settingOf(one, path.at(-1) ?? "")));
  }
  return lines;
}

function line(depth: number, text: string): string {
  return `# ${"  ".repeat(depth)}${text}`;
}

function settingOf({ development, production, type, variable }: Described, name: string): string {
  if (type === "secret") return `## ${name}: only by ${variable} or ${variable}_FILE`;
  const value = textOf(development, type);
  const other = production === development ? "" : ` # production: ${textOf(production, type) || "none"}`;
  return `${name}: ${value}${other}`.trimEnd();
}

/** Nothing after the colon leaves a key as it is. */
function textOf(text: string, type: string): string {
  if (text === "") return "";
  return type === "list" ? `[${text.split(",").map(quoted).join(", ")}]` : quoted(text);
}

/** As YAML wants it. */
function quoted(text: string): string {
  return /^[\w./-]+(?: [\w./-]+)*$/.test(text) ? text : JSON.stringify(text);
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname;
  for (const [path, content] of configFiles()) await Bun.write(root + path, content);
}
