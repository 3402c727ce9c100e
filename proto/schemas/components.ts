import { z } from "zod";

/** The named schemas of the contract: each is one entry of `components.schemas` in the OpenAPI and AsyncAPI documents. */
export const components = z.registry<{ id: string; description?: string }>();

/** Gives a schema its name in the documents. Throws when the name is taken. */
export function component<S extends z.ZodType>(id: string, schema: S, description?: string): S {
  components.add(schema, description === undefined ? { id } : { id, description });
  return schema;
}
