import { type AnySection, type ConfigOf, snake, variableOf } from "./config.ts";
import type { Key } from "./keys.ts";

/** One key for the reference: everything as text. */
export interface Described {
  readonly key: string;
  readonly variable: string;
  readonly type: string;
  readonly allowed: string;
  /** Empty when there is none. */
  readonly development: string;
  readonly production: string;
  readonly reload: "hot" | "restart";
  readonly doc: string;
}

/** All keys in the order of the spec. */
export function describeConfig(spec: AnySection): Described[] {
  return [...leaves(spec, [])].map(({ key, path }) => ({
    key: path.map(snake).join("."),
    variable: variableOf(path.map(snake)),
    type: key.type,
    allowed: key.range,
    development: key.show(key.defaults.development),
    production: key.show(key.defaults.production),
    reload: key.hot ? "hot" : "restart",
    doc: key.doc,
  }));
}

/** The values by key as text, secrets blanked: for `/debug/config` and the log at start. */
export function redact<S extends AnySection>(spec: S, config: ConfigOf<S>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { key, path } of leaves(spec, [])) {
    const value = valueAt(config, path);
    texts[path.map(snake).join(".")] = value === undefined ? "" : key.show(value);
  }
  return texts;
}

/** The keys whose values differ, by what a change of them needs. */
export function changedKeys<S extends AnySection>(
  spec: S,
  before: ConfigOf<S>,
  after: ConfigOf<S>,
): { hot: string[]; restart: string[] } {
  const changed: { hot: string[]; restart: string[] } = { hot: [], restart: [] };
  for (const { key, path } of leaves(spec, [])) {
    if (JSON.stringify(valueAt(before, path)) === JSON.stringify(valueAt(after, path))) continue;
    (key.hot ? changed.hot : changed.restart).push(path.map(snake).join("."));
  }
  return changed;
}

function* leaves(spec: AnySection, path: readonly string[]): Generator<{ key: Key<unknown>; path: readonly string[] }> {
  for (const [name, part] of Object.entries(spec.keys)) {
    if (part.kind === "key") yield { key: part, path: [...path, name] };
    else yield* leaves(part, [...path, name]);
  }
}

function valueAt(config: unknown, path: readonly string[]): unknown {
  let value = config;
  for (const name of path) value = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  return value;
}
