import { z } from "zod";
import { components } from "./components.ts";

/** A part of a document: JSON values only. */
export type Json = { [name: string]: unknown };

export interface JsonSchemas {
  /** By the name under which the schema was given. */
  readonly inline: Readonly<Record<string, Json>>;
  /** The named schemas that these refer to, themselves or through others, by name. */
  readonly named: Readonly<Record<string, Json>>;
}

/** Meta key for the default of an input that is transformed: zod leaves `default` out there. */
export const inputDefault = "x-default";

const refPrefix = "#/components/schemas/";

/** JSON Schema (2020-12) of what a client sends or gets. Named schemas are references to `#/components/schemas`. */
export function jsonSchemas(schemas: Readonly<Record<string, z.ZodType>>): JsonSchemas {
  const registry = z.registry<{ id: string }>();
  const nameOf = new Map<string, string>();
  for (const [name, schema] of components) registry.add(schema, { id: name });
  for (const [name, schema] of Object.entries(schemas)) {
    const known = [...components].find(([, named]) => named === schema);
    nameOf.set(name, known?.[0] ?? `inline:${name}`);
    // A schema may be given under two names; the first one is its id.
    if (known === undefined && !registry.has(schema)) registry.add(schema, { id: `inline:${name}` });
    else if (known === undefined) nameOf.set(name, String(registry.get(schema)?.id));
  }
  const all = z.toJSONSchema(registry, {
    uri: (id) => refPrefix + id,
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => tidy(jsonSchema),
  }).schemas as unknown as Readonly<Record<string, Json>>;
  const cleaned = new Map(Object.entries(all).map(([id, schema]) => [id, withoutHeader(schema)]));
  const inline: Record<string, Json> = {};
  for (const [name, id] of nameOf) {
    inline[name] = id.startsWith("inline:") ? (cleaned.get(id) ?? {}) : { $ref: refPrefix + id };
  }
  return { inline, named: reachable(inline, cleaned) };
}

/** Takes away what zod adds and a reader does not need. */
function tidy(schema: Json): void {
  if (inputDefault in schema) {
    schema.default = schema[inputDefault];
    delete schema[inputDefault];
  }
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  const names = schema.propertyNames as Json | undefined;
  if (names !== undefined && Object.keys(names).length === 1) delete schema.propertyNames;
}

function withoutHeader({ $schema, $id, ...schema }: Json): Json {
  return schema;
}

function reachable(from: unknown, all: ReadonlyMap<string, Json>): Record<string, Json> {
  const found = new Map<string, Json>();
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key !== "$ref" || typeof inner !== "string") {
        look(inner);
        continue;
      }
      const name = inner.slice(refPrefix.length);
      const schema = all.get(name);
      if (schema === undefined || found.has(name)) continue;
      found.set(name, schema);
      look(schema);
    }
  };
  look(from);
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
