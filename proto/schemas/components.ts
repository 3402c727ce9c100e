import type { z } from "zod";

const named = new Map<string, z.ZodType>();

/** The named schemas of the contract: each is an entry of `components.schemas` in the OpenAPI and AsyncAPI documents that
 *  refer to it. */
export const components: ReadonlyMap<string, z.ZodType> = named;

/** Gives a schema its name in the documents; use what it returns. Throws when the name is taken. */
export function component<S extends z.ZodType>(name: string, schema: S, description?: string): S {
  if (named.has(name)) throw new Error(`two schemas are called ${name}`);
  const described = description === undefined ? schema : schema.describe(description);
  named.set(name, described);
  return described;
}
