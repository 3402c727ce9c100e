import type { Environment, Key } from "./keys.ts";

type AnyKeys = { readonly [name: string]: Key<unknown> | Section<AnyKeys> };
type ValuesOf<K> = {
  readonly [N in keyof K]: K[N] extends Section<infer C> ? ValuesOf<C> : K[N] extends Key<infer T> ? T : never;
};

/** A group of keys. Names are camelCase here, snake_case in files, variables and flags. */
export interface Section<K> {
  readonly kind: "section";
  readonly keys: K;
  /** Says what is wrong between keys that are each right alone. */
  readonly check: ((values: never) => string | undefined) | undefined;
}
export type AnySection = Section<AnyKeys>;

/** The values that `loadConfig` answers for a section. */
export type ConfigOf<S> = S extends Section<infer K> ? ValuesOf<K> : never;

export function section<const K extends AnyKeys>(
  keys: K,
  check?: (values: ValuesOf<K>) => string | undefined,
): Section<K> {
  return { kind: "section", keys, check };
}

/** Where values come from. Later trees win over earlier ones, the environment over all trees, flags over everything. */
export interface Sources {
  environment: Environment;
  /** Documents, lowest precedence first. `name` is told in problems. */
  trees?: readonly Tree[];
  /** Variables: `GOCHAT_WS__MAX_CONNECTIONS`, a key's second name, and for secrets `…_FILE`. An empty variable counts as not set. */
  env?: Readonly<Record<string, string | undefined>>;
  /** `ws.max_connections` → text. */
  flags?: Readonly<Record<string, string>>;
  /** Reads a secret's file; may throw. */
  readFile?: (path: string) => string;
  /** Sections of other services: not warned of. */
  knownElsewhere?: readonly string[];
}
export interface Tree {
  readonly name: string;
  readonly values: unknown;
}

export interface Problem {
  readonly key: string;
  /** As given; a secret is never shown. */
  readonly value: string;
  readonly source: string;
  readonly allowed: string;
}

/** Every problem at once; the process ends with exit code 78. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map((one) => `${one.key} = ${one.value} (${one.source}): allowed is ${one.allowed}`).join("\n"));
    this.problems = problems;
  }
}

export interface Loaded<C> {
  readonly config: C;
  /** Unknown keys, one sentence each. */
  readonly warnings: readonly string[];
}

interface Given {
  readonly raw: unknown;
  readonly source: string;
}
interface Walk {
  readonly sources: Sources;
  readonly problems: Problem[];
  readonly usedEnv: Set<string>;
  readonly usedFlags: Set<string>;
}

/** Pure: reads nothing but what it is given. Throws ConfigError with every problem found. */
export function loadConfig<S extends AnySection>(spec: S, sources: Sources): Loaded<ConfigOf<S>> {
  const walk: Walk = { sources, problems: [], usedEnv: new Set(), usedFlags: new Set() };
  const config = loadSection(spec, [], sources.trees ?? [], walk);
  if (walk.problems.length > 0) throw new ConfigError(walk.problems);
  // The walk mirrors the spec key by key; the type checker cannot follow that.
  return { config: config as ConfigOf<S>, warnings: warningsOf(spec, walk) };
}

/** `maxConnections` → `max_connections`. */
export function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `["ws", "max_connections"]` → `GOCHAT_WS__MAX_CONNECTIONS`. */
export function variableOf(path: readonly string[]): string {
  return `GOCHAT_${path.join("__").toUpperCase()}`;
}

function loadSection(
  spec: AnySection,
  path: readonly string[],
  trees: readonly Tree[],
  walk: Walk,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const found = walk.problems.length;
  for (const [name, part] of Object.entries(spec.keys)) {
    const inner = [...path, snake(name)];
    const below = treesBelow(trees, snake(name));
    if (part.kind === "key") {
      values[name] = loadKey(part, inner, below, walk);
    } else {
      values[name] = loadSection(part, inner, onlyMaps(below, inner, walk), walk);
    }
  }
  // A rule between keys says nothing where one of them is wrong already.
  const wrong = walk.problems.length === found ? spec.check?.(values as never) : undefined;
  if (wrong !== undefined) walk.problems.push({ key: path.join("."), value: "…", source: "together", allowed: wrong });
  return values;
}

function treesBelow(trees: readonly Tree[], name: string): Tree[] {
  const below: Tree[] = [];
  for (const tree of trees) {
    const values = mapOf(tree.values)?.[name];
    if (values !== undefined && values !== null) below.push({ name: tree.name, values });
  }
  return below;
}

function onlyMaps(trees: readonly Tree[], path: readonly string[], walk: Walk): Tree[] {
  return trees.filter((tree) => {
    if (mapOf(tree.values) !== undefined) return true;
    walk.problems.push({
      key: path.join("."),
      value: shown(tree.values),
      source: tree.name,
      allowed: "a group of keys",
    });
    return false;
  });
}

function loadKey(key: Key<unknown>, path: readonly string[], trees: readonly Tree[], walk: Walk): unknown {
  const name = path.join(".");
  if (key.secret) {
    for (const tree of trees)
      walk.problems.push({
        key: name,
        value: "[secret]",
        source: tree.name,
        allowed: `only the variable ${variableOf(path)} or ${variableOf(path)}_FILE`,
      });
  }
  const fromTree = trees.at(-1);
  const flag = fromFlags(name, walk);
  const env = fromEnv(key, path, walk);
  const given: Given | undefined =
    flag ?? env ?? (fromTree === undefined || key.secret ? undefined : { raw: fromTree.values, source: fromTree.name });
  if (given === undefined) return key.defaults[walk.sources.environment];
  const parsed = key.parse(given.raw);
  if (parsed.ok) return parsed.value;
  const value = key.secret ? "[secret]" : shown(given.raw);
  walk.problems.push({ key: name, value, source: given.source, allowed: `${key.type} ${key.range}` });
  return undefined;
}

function fromFlags(name: string, walk: Walk): Given | undefined {
  const raw = walk.sources.flags?.[name];
  if (raw === undefined) return undefined;
  walk.usedFlags.add(name);
  return { raw, source: `flag --${name}` };
}

function fromEnv(key: Key<unknown>, path: readonly string[], walk: Walk): Given | undefined {
  const env = walk.sources.env ?? {};
  for (const name of key.env === undefined ? [variableOf(path)] : [variableOf(path), key.env]) {
    walk.usedEnv.add(name);
    if (key.secret) walk.usedEnv.add(`${name}_FILE`);
    const raw = env[name];
    if (raw !== undefined && raw !== "") return { raw, source: `variable ${name}` };
    const file = env[`${name}_FILE`];
    if (key.secret && file !== undefined && file !== "") return fromFile(path, `${name}_FILE`, file, walk);
  }
  return undefined;
}

function fromFile(path: readonly string[], variable: string, file: string, walk: Walk): Given | undefined {
  const source = `variable ${variable}`;
  try {
    // Mounted secrets mostly end with a newline that is no part of them.
    return { raw: walk.sources.readFile?.(file).replace(/\r?\n$/, ""), source };
  } catch {
    walk.problems.push({ key: path.join("."), value: file, source, allowed: "a file that can be read" });
    return undefined;
  }
}

function warningsOf(spec: AnySection, walk: Walk): string[] {
  const { trees = [], env = {}, flags = {}, knownElsewhere = [] } = walk.sources;
  const warnings: string[] = [];
  for (const tree of trees)
    unknownIn(
      spec,
      tree.values,
      [],
      (path) => warnings.push(`${tree.name}: unknown key ${path.join(".")}`),
      knownElsewhere,
    );
  const elsewhere = knownElsewhere.map((name) => `${variableOf([name])}__`);
  for (const name of Object.keys(env)) {
    if (!name.startsWith("GOCHAT_") || walk.usedEnv.has(name) || elsewhere.some((prefix) => name.startsWith(prefix)))
      continue;
    warnings.push(`unknown variable ${name}`);
  }
  for (const name of Object.keys(flags)) if (!walk.usedFlags.has(name)) warnings.push(`unknown flag --${name}`);
  return warnings;
}

function unknownIn(
  spec: AnySection,
  values: unknown,
  path: readonly string[],
  found: (path: string[]) => void,
  elsewhere: readonly string[],
): void {
  const known = new Map(Object.entries(spec.keys).map(([name, part]) => [snake(name), part]));
  for (const [name, value] of Object.entries(mapOf(values) ?? {})) {
    const part = known.get(name);
    if (part === undefined) {
      if (path.length > 0 || !elsewhere.includes(name)) found([...path, name]);
    } else if (part.kind === "section") {
      unknownIn(part, value, [...path, name], found, elsewhere);
    }
  }
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isMap = (one: unknown): one is Record<string, unknown> =>
    typeof one === "object" && one !== null && !Array.isArray(one);
  return isMap(value) ? value : undefined;
}

function shown(raw: unknown): string {
  return typeof raw === "string" ? JSON.stringify(raw) : (JSON.stringify(raw) ?? String(raw));
}
