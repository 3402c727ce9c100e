import { ERRORS, type ErrorName } from "#proto/errors.ts";
import type { Json } from "#proto/schemas/json-schema.ts";
import { type Endpoint, type PathParam, pathParams } from "./endpoint.ts";

/** What any endpoint may answer (spec 10 §1). */
const always: readonly ErrorName[] = ["RATE_LIMITED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"];
const signedIn: readonly ErrorName[] = ["UNAUTHORIZED", "INVALID_TOKEN", "TOKEN_EXPIRED", "USER_DISABLED"];

/** Every error that an endpoint may answer: its own, and those that follow from what it takes and who may enter. */
export function errorsOf({ auth, query, body, path, idempotent, errors = [], notFound = [] }: Endpoint): ErrorName[] {
  const names = new Set<ErrorName>([...errors, ...notFound]);
  if (query !== undefined || body !== undefined) names.add("INVALID_PARAMETER");
  if (body !== undefined) names.add("PAYLOAD_TOO_LARGE");
  if (idempotent) names.add("INVALID_PARAMETER").add("IDEMPOTENCY_CONFLICT");
  for (const { missing, word } of paramsIn(path)) {
    names.add(missing);
    if (word !== undefined) names.add(word);
  }
  if (auth !== "none") for (const name of signedIn) names.add(name);
  if (auth === "registered") names.add("GUEST_FORBIDDEN");
  for (const name of always) names.add(name);
  return (Object.keys(ERRORS) as ErrorName[]).filter((name) => names.has(name));
}

/** The parameters of a path, in their order. */
export function paramsIn(path: string): (PathParam & { readonly name: string })[] {
  const known: Readonly<Record<string, PathParam>> = pathParams;
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => {
    const param = known[name];
    if (param === undefined) throw new Error(`${path}: ${name} is not in the table of path parameters`);
    return { name, ...param };
  });
}

/** Responses by status; those that many endpoints share become `shared`, by name. */
export function errorResponses(endpoint: Endpoint, shared: Map<string, Json>): Record<string, Json> {
  const byStatus = new Map<number, ErrorName[]>();
  for (const name of errorsOf(endpoint)) {
    for (const status of statusesOf(name, endpoint)) byStatus.set(status, [...(byStatus.get(status) ?? []), name]);
  }
  const responses: Record<string, Json> = {};
  for (const [status, names] of [...byStatus].sort(([a], [b]) => a - b)) {
    const key = names.join("_or_");
    const usual = names.every((name) => ERRORS[name].http === status);
    if (!usual) responses[status] = errorResponse(status, names);
    else if (names.length === 1 || names.every((name) => signedIn.includes(name))) {
      shared.set(key, errorResponse(status, names));
      responses[status] = { $ref: `#/components/responses/${key}` };
    } else responses[status] = errorResponse(status, names);
  }
  return responses;
}

function statusesOf(name: ErrorName, { errors, notFound }: Endpoint): number[] {
  const usual = ERRORS[name].http;
  if (notFound?.includes(name) !== true) return [usual];
  return errors?.includes(name) === true ? [usual, 404] : [404];
}

function errorResponse(status: number, names: readonly ErrorName[]): Json {
  const description = names.map((name) => `\`${name}\`: ${ERRORS[name].message}`).join("\n\n");
  return {
    description,
    ...(status === 429 ? { headers: limitHeaders } : {}),
    content: {
      "application/json": {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Error" },
            { type: "object", properties: { code: { type: "string", enum: names } } },
          ],
        },
      },
    },
  };
}

const limitHeaders: Json = {
  "Retry-After": { description: "Seconds", required: true, schema: { type: "integer", minimum: 1 } },
  "X-RateLimit-Limit": { schema: { type: "integer" } },
  "X-RateLimit-Remaining": { schema: { type: "integer" } },
  "X-RateLimit-Reset": { description: "Seconds", schema: { type: "integer" } },
};
