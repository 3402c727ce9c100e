import type { Environment } from "#infra/config/keys.ts";
import { UsageError } from "./command-line.ts";
import { type Place, placeOf } from "./config-documents.ts";
import { centreFolders } from "./config-specs.ts";

/** A part of a document: the document itself where `path` is empty. */
export interface Target {
  readonly place: Place;
  readonly path: readonly string[];
}

/** Sections that have another name as a component of the centre (spec 60 §3). */
const components: Readonly<Record<string, string>> = { log: "clog" };

/** What a key on the command line means: `ws.max_connections` of the service's documents, the document `gateway/ratelimit/limits`, or the whole key of one. Throws UsageError. */
export function targetOf(key: string, options: { environment: Environment; service: string }): Target {
  const { environment, service } = options;
  if (key.startsWith("/") || /^[a-z]+\//.test(key)) {
    const place = placeOf(key.startsWith("/") ? key : `/config/${environment}/${key}`);
    if (place === undefined)
      throw new UsageError(`${key} is no document: FOLDER/COMPONENT, with a folder of ${centreFolders.join(", ")}.`);
    return { place, path: [] };
  }
  const folder = centreFolders.find((known) => known === service);
  if (folder === undefined) throw new UsageError(`There is no service "${service}": ${centreFolders.join(", ")}.`);
  const [section = "", ...path] = key.split(".");
  // `port` and the like stand in no section.
  return path.length === 0
    ? { place: { environment, folder, component: "app" }, path: [section] }
    : { place: { environment, folder, component: components[section] ?? section }, path };
}

export function partAt(values: unknown, path: readonly string[]): unknown {
  let at = values;
  for (const name of path) at = isMap(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return at;
}

/** The same values but for one part; undefined takes it away, and what is empty then. */
export function withPart(values: unknown, path: readonly string[], part: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return part;
  const map = new Map(Object.entries(isMap(values) ? values : {}));
  const inner = withPart(map.get(name), rest, part);
  if (inner === undefined) map.delete(name);
  else map.set(name, inner);
  return map.size === 0 ? undefined : Object.fromEntries(map);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
