import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { parsePolicies } from "#infra/breaker/follow.ts";
import { centrePrefix } from "#infra/config/centre.ts";
import { ConfigError } from "#infra/config/config.ts";
import type { Environment } from "#infra/config/keys.ts";
import { parseDocument, treeOf } from "#infra/config/yaml.ts";
import { loadAll } from "#infra/host/sources.ts";
import { parseRules } from "#infra/ratelimit/parse-rules.ts";
import { type CentreFolder, centreFolders, specsOf } from "./config-specs.ts";

/** A document of the configuration centre, as it is to be. */
export interface Document {
  /** `/config/{env}/{folder}/{component}` */
  readonly key: string;
  readonly values: unknown;
}

export interface Place {
  readonly environment: Environment;
  readonly folder: CentreFolder;
  /** `ws`, `clog`, `app`, `ratelimit/…`, `breakers/…`. */
  readonly component: string;
}

export function keyOf({ environment, folder, component }: Place): string {
  return `${centrePrefix(environment, folder)}${component}`;
}

/** Takes a key apart; undefined when it is none of the configuration. */
export function placeOf(key: string): Place | undefined {
  const [, env, name, component] = /^\/config\/(development|production)\/([^/]+)\/(.+)$/.exec(key) ?? [];
  const folder = centreFolders.find((known) => known === name);
  if (folder === undefined || component === undefined) return undefined;
  return { environment: env === "production" ? "production" : "development", folder, component };
}

/** What is wrong with a document, one sentence each; empty when it may be written. Rules between keys are not looked at: the environment of a process may
 *  complete them, as with a password. */
export function problemsOf({ environment, folder, component }: Place, values: unknown): string[] {
  const [kind, ...name] = component.split("/");
  try {
    if (kind === "ratelimit" && name.length > 0) parseRules(JSON.stringify(values));
    else if (kind === "breakers" && name.length > 0) parsePolicies(JSON.stringify(values), name.join("/"));
    else if (name.length > 0) return [`there is no component ${component}`];
    else {
      const trees = [treeOf("document", component, values)];
      const { warnings } = loadAll(specsOf(folder), { environment, trees });
      return warnings.map((warning) => warning.replace(/^document: /, ""));
    }
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) return [error instanceof Error ? error.message : String(error)];
    const wrong = error.problems.filter((problem) => problem.source !== "together");
    return wrong.map((problem) => `${problem.key} = ${problem.value}: allowed is ${problem.allowed}`);
  }
}

/** The documents of the files `{directory}/{env}/{folder}/{component}.yaml` (`.yml`, `.json`), ordered by key; a file of comments alone is none. `problems` has a line for
 *  every file that cannot be read and every value that is wrong. */
export function readDocuments(
  directory: string,
  environment: Environment,
): { documents: Document[]; problems: string[] } {
  const documents: Document[] = [];
  const problems: string[] = [];
  const root = join(directory, environment);
  for (const file of filesBelow(root)) {
    const path = join(root, file);
    const [name = "", ...rest] = file.slice(0, -extname(file).length).split(sep);
    const folder = centreFolders.find((known) => known === name);
    if (folder === undefined || rest.length === 0) {
      problems.push(`${path}: belongs into one of the folders ${centreFolders.join(", ")}`);
      continue;
    }
    const place = { environment, folder, component: rest.join("/") };
    try {
      const values = parseDocument(readFileSync(path, "utf8"), path);
      if (values === null || values === undefined) continue;
      for (const problem of problemsOf(place, values)) problems.push(`${path}: ${problem}`);
      documents.push({ key: keyOf(place), values });
    } catch (error) {
      problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { documents: documents.toSorted((a, b) => (a.key < b.key ? -1 : 1)), problems };
}

function filesBelow(root: string): string[] {
  try {
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && [".yaml", ".yml", ".json"].includes(extname(entry.name)))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .toSorted();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
