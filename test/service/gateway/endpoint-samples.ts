import { contract } from "../../../gateway/http/contract.ts";
import type { Endpoint } from "../../../gateway/http/endpoint.ts";
import { openApiDocument } from "../../../gateway/http/openapi.ts";

/* Requests of every endpoint, made from its entry in the contract: they fit, and name nothing that exists. */

export const endpoints: readonly (readonly [string, Endpoint])[] = Object.values(contract).flatMap((of) =>
  Object.entries(of),
);
export const named = (fits: (endpoint: Endpoint) => boolean): (readonly [string, Endpoint])[] =>
  endpoints.filter(([, endpoint]) => fits(endpoint));

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Schema }[];
  readonly requestBody?: { content: Record<string, { schema: Schema }> };
}
const document = openApiDocument(contract, "test") as unknown as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
const { schemas } = document.components;
export const operations = new Map(
  Object.values(document.paths).flatMap((path) => Object.values(path).map((one) => [one.operationId, one] as const)),
);
export const bodyOf = (name: string): Schema | undefined =>
  operations.get(name)?.requestBody?.content["application/json"]?.schema;

/** Fits where it stands, and belongs to nothing that exists. */
const nowhere = "4242424242";
const places: Readonly<Record<string, string>> = {
  emoji: encodeURIComponent("👍"),
  sessionId: "00000000-0000-7000-8000-000000000000",
};

export function pathOf({ path }: Endpoint): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => places[name] ?? nowhere);
}

/** A value that the schema takes. */
function sample(schema: Schema): unknown {
  if (schema.$ref !== undefined) return nowhere;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? [];
  if (first !== undefined) return sample(first);
  switch (schema.type) {
    case "integer":
    case "number":
      return Math.max(1, schema.minimum ?? 1);
    case "boolean":
      return true;
    case "array":
      return schema.items === undefined ? [] : [sample(schema.items)];
    case "object":
      return sampleObject(schema);
    default:
      return "x".repeat(Math.max(1, schema.minLength ?? 1));
  }
}

export function sampleObject({ properties = {}, required = [] }: Schema): Record<string, unknown> {
  return Object.fromEntries(required.map((name) => [name, sample(properties[name] ?? {})]));
}

/** Queries whose pattern `sample` does not follow. */
const queries: Readonly<Record<string, string>> = { listOnline: "?ids=1" };

/** Values of the right type that are beyond the limits of the schema, or that no text may hold (spec 10 §1). */
export function beyond(given: Schema): unknown[] {
  const schema = given.$ref === undefined ? given : (schemas[given.$ref.split("/").at(-1) ?? ""] ?? {});
  const [first] = schema.anyOf ?? [];
  if (first !== undefined) return [];
  switch (schema.type) {
    case "string": {
      const over = schema.maxLength === undefined ? [] : ["x".repeat(schema.maxLength + 1)];
      return schema.enum === undefined ? [...over, "a\0b", "a\ud800b"] : ["no such word"];
    }
    case "integer":
    case "number":
      return [
        ...(schema.maximum === undefined ? [] : [schema.maximum + 1]),
        ...(schema.minimum === undefined ? [] : [schema.minimum - 1]),
        ...[1.5, "1"],
      ];
    case "array": {
      const item = schema.items === undefined ? [] : beyond(schema.items).map((value) => [value]);
      const one = schema.items === undefined ? "x" : sample(schema.items);
      return [...item, ...(schema.maxItems === undefined ? [] : [Array(schema.maxItems + 1).fill(one)])];
    }
    default:
      return [];
  }
}

/** The required part of the query. */
export function queryOf(name: string): string {
  const given = queries[name];
  if (given !== undefined) return given;
  const needed = (operations.get(name)?.parameters ?? []).filter((one) => one.in === "query" && one.required === true);
  return needed.length === 0 ? "" : `?${needed.map((one) => `${one.name}=${String(sample(one.schema))}`).join("&")}`;
}

/** Endpoints whose body has nothing required and yet may not be empty. */
const bodies: Readonly<Record<string, object>> = { updateConversation: { name: "a group" } };

export function bodyFor(name: string): unknown {
  const schema = bodyOf(name);
  return schema === undefined ? undefined : (bodies[name] ?? sampleObject(schema));
}
