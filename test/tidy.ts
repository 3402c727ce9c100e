/** The import table of the project, in a form that a test can hold. `tidy.test.ts` runs it over the tree. */

/** Which of our folders a folder may import (besides itself). `*` = everything: composition and tests. */
export const MAY_IMPORT = {
  gateway: ["infra", "proto"],
  logic: ["infra", "proto"],
  task: ["infra", "proto"],
  repo: ["infra", "proto", "drizzle"],
  client: ["proto"],
  web: ["client", "proto"],
  bench: ["client", "proto", "infra"],
  infra: [],
  proto: [],
  drizzle: [],
  cli: "*",
  test: "*",
} as const satisfies Record<string, readonly string[] | "*">;

/** Who may import a package: a folder, or a folder and a component of it. Unlisted packages are a breach. */
export const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  "@asyncapi/parser": ["cli"],
  "@bufbuild/protobuf": ["proto", "infra/rpc", "cli", "gateway", "logic", "repo", "task", "bench", "test"],
  "@connectrpc/connect": ["proto", "infra/rpc", "infra/trace", "cli", "gateway", "logic", "repo", "task", "test"],
  "@connectrpc/connect-web": ["infra/rpc", "test"],
  "@connectrpc/connect-node": ["infra/rpc", "test"],
  "@opentelemetry/api": ["infra/trace"],
  "@opentelemetry/exporter-trace-otlp-http": ["infra/trace"],
  "@opentelemetry/resources": ["infra/trace"],
  "@opentelemetry/sdk-trace": ["infra/trace", "test"],
  "@preact/signals": ["web"],
  "bun:sqlite": ["infra/db", "infra/mq", "infra/es", "test"],
  "@seriousme/openapi-schema-validator": ["cli"],
  "drizzle-orm": ["infra/db", "repo", "drizzle"],
  "fast-check": ["*"],
  "hdr-histogram-js": ["bench"],
  hono: ["gateway"],
  ioredis: ["infra/cache"],
  jose: ["logic/auth", "gateway"],
  kafkajs: ["infra/mq"],
  pino: ["infra/clog"],
  "pino-pretty": ["infra/clog"],
  mysql2: ["infra/db", "test"],
  pg: ["infra/db", "test"],
  "playwright-core": ["test"],
  preact: ["web"],
  "prom-client": ["infra/metrics"],
  "swagger-ui-dist": ["web"],
  ws: ["test"],
  zod: ["gateway", "proto", "infra/config", "test"],
};

/** Lines; past this a file has two subjects. */
export const FILE_LINES_MAX = 400;

export interface Breach {
  file: string;
  rule: string;
  detail: string;
}

const IMPORT = /^[ \t]*(?:import|export)\b(?:[^;"'`]*?\bfrom)?\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

/** Every module that `source` names in an import, an export-from or a dynamic import. */
export function importsOf(source: string): string[] {
  return [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? "");
}

/** Breaches of the table in one file. `file` is relative to the root of the project, with `/`. */
export function breachesOf(file: string, source: string): Breach[] {
  const top = file.split("/")[0] ?? "";
  const breaches: Breach[] = [];
  const breach = (rule: string, detail: string): void => void breaches.push({ file, rule, detail });

  if (!(top in MAY_IMPORT)) return breaches;
  for (const name of importsOf(source)) {
    const problem = problemWith(name, file, top as keyof typeof MAY_IMPORT);
    if (problem !== undefined) breach("imports", problem);
  }
  if (/(^|\/)index\.tsx?$/.test(file)) breach("no barrels", "a file named index hides what is imported from where");
  if (/^export \* from/m.test(source)) breach("no barrels", "export * from another file");
  if (/^export default\b/m.test(source) && !file.endsWith(".config.ts")) breach("no default exports", "export default");
  if (/^(export )?(const )?enum\b/m.test(source)) breach("no enums", "use a const object and a union type");
  const lines = source.split("\n").length;
  if (lines > FILE_LINES_MAX && !/\.test\.tsx?$/.test(file))
    breach("two subjects", `${lines} lines, at most ${FILE_LINES_MAX}`);
  if (!/(^|\/)main\.ts$/.test(file) && !["cli", "test", "bench"].includes(top) && !/\.test\.tsx?$/.test(file)) {
    if (/\b(process|Bun)\.env\b/.test(source)) breach("environment", "only main.ts and cli/ read the environment");
  }
  return breaches;
}

function problemWith(name: string, file: string, top: keyof typeof MAY_IMPORT): string | undefined {
  if (name.startsWith(".")) return relativeProblem(name, file, top);
  // Name and version of the project.
  if (name === "#package.json") return undefined;
  if (name.startsWith("#")) return folderProblem(name.slice(1).split("/")[0] ?? "", name, top);
  if (name.startsWith("node:") || name === "bun" || name === "bun:test") return undefined;
  const parts = name.split("/");
  const bare = name.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
  const owners = PACKAGE_OWNERS[bare];
  if (owners === undefined) return `${bare} has no owner in the table of test/tidy.ts`;
  const component = file.split("/").slice(0, 2).join("/");
  const allowed = owners.some((owner) => owner === "*" || owner === top || owner === component);
  return allowed ? undefined : `${bare} belongs to ${owners.join(", ")}`;
}

function relativeProblem(name: string, file: string, top: keyof typeof MAY_IMPORT): string | undefined {
  const target = new URL(name, `file:///${file}`).pathname.slice(1);
  const targetTop = target.split("/")[0] ?? "";
  if (targetTop === top) return undefined;
  if (MAY_IMPORT[top] === "*") return undefined;
  return `${name} leaves ${top}/`;
}

function folderProblem(target: string, name: string, top: keyof typeof MAY_IMPORT): string | undefined {
  const allowed: readonly string[] | "*" = MAY_IMPORT[top];
  if (allowed === "*" || target === top || allowed.includes(target)) return undefined;
  return `${name}: ${top} may import ${allowed.length === 0 ? "no folder of ours" : allowed.join(", ")}`;
}
