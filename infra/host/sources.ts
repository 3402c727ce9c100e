import { readFileSync } from "node:fs";
import {
  type AnySection,
  ConfigError,
  type ConfigOf,
  loadConfig,
  type Problem,
  type Sources,
} from "../config/config.ts";
import { redact } from "../config/describe.ts";
import type { Environment } from "../config/keys.ts";
import { readConfigTrees } from "../config/yaml.ts";
import { exitCodes, StartError } from "./start-error.ts";

/** The command line and environment of a process, as its `main.ts` found them. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `ws.max_connections` → text; they win over everything. */
  readonly flags: Readonly<Record<string, string>>;
}

export type Specs = Readonly<Record<string, AnySection>>;
export type ConfigsOf<S extends Specs> = { readonly [N in keyof S]: ConfigOf<S[N]> };

/** Key → value as text by spec, secrets hidden. */
export type Shown = Readonly<Record<string, Readonly<Record<string, string>>>>;

const environments: Readonly<Record<string, Environment>> = {
  development: "development",
  dev: "development",
  test: "development",
  production: "production",
  prod: "production",
};

/** Flags for one spec alone. */
export type Overrides<S extends Specs> = { readonly [N in keyof S]?: Readonly<Record<string, string>> };

export interface LoadedAll<S extends Specs> {
  readonly configs: ConfigsOf<S>;
  readonly warnings: readonly string[];
  readonly shown: Shown;
}

/** `dev`, `prod` and `test` are other names. Throws StartError. */
export function environmentOf(name = "development"): Environment {
  const environment = environments[name];
  if (environment === undefined)
    throw new StartError(`APP_ENV is "${name}"; it may be development or production.`, exitCodes.config);
  return environment;
}

/** Finds the sources of the configuration: YAML below `config/` (or GOCHAT_CONFIG_DIR), environment, flags. */
export function sourcesOf(surroundings: Surroundings, services: readonly string[]): Sources {
  const { env, flags } = surroundings;
  const environment = environmentOf(env.APP_ENV);
  const trees = readConfigTrees(env.GOCHAT_CONFIG_DIR ?? "config", environment, services);
  // Variables that say where the configuration is, not what it is.
  const { GOCHAT_CONFIG_DIR: _, ...keys } = env;
  return { environment, trees, env: keys, flags, readFile: (path) => readFileSync(path, "utf8") };
}

/** Loads several specs from the same sources. Throws ConfigError with the problems of all. A key is unknown, and warned of,
 *  when no spec knows it. `overrides` are flags for one spec alone; what the caller set himself wins. */
export function loadAll<S extends Specs>(specs: S, sources: Sources, overrides: Overrides<S> = {}): LoadedAll<S> {
  const configs: Record<string, unknown> = {};
  const shown: Record<string, Record<string, string>> = {};
  const problems = new Map<string, Problem>();
  const unknown: (readonly string[])[] = [];
  for (const [name, spec] of Object.entries(specs)) {
    try {
      const loaded = loadConfig(spec, { ...sources, flags: { ...overrides[name], ...sources.flags } });
      configs[name] = loaded.config;
      shown[name] = redact(spec, loaded.config);
      unknown.push(loaded.warnings);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) problems.set(`${problem.key} ${problem.source}`, problem);
    }
  }
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
  // Filled key by key from `specs`; the type checker cannot follow that.
  return { configs: configs as ConfigsOf<S>, warnings: unknownToAll(unknown), shown };
}

/** The warnings in which all agree: one that does not know a group knows none of its keys. */
function unknownToAll(found: readonly (readonly string[])[]): string[] {
  const covers = (group: string, key: string): boolean => key === group || key.startsWith(`${group}.`);
  const all = new Set(found.flat());
  return [...all].filter((key) => found.every((warnings) => warnings.some((warning) => covers(warning, key))));
}
