import type { z } from "zod";
import { type Json, jsonSchemas } from "#proto/schemas/json-schema.ts";
import { error } from "#proto/schemas/objects.ts";
import type { Endpoint, Endpoints } from "./endpoint.ts";
import { keyCharsMax } from "./idempotency.ts";
import { errorResponses, paramsIn } from "./openapi-errors.ts";

const about = `The HTTP API of GoChat. Ids are strings, times Unix seconds, seqs integers that begin at 1 in every
conversation. Unknown fields and query parameters are ignored. Clients decide on \`code\`, never on \`message\`.

4xx: decided before anything was stored. 500, 503 and 504 say nothing about the outcome: repeat with the same
\`client_msg_id\` or \`Idempotency-Key\`. Every answer carries \`X-Trace-ID\`.`;

const tags: Readonly<Record<string, string>> = {
  auth: "Accounts, tokens and sessions",
  users: "Profiles and search",
  conversations: "Single conversations, groups and the world",
  members: "Members of groups",
  friends: "Friends, requests and blocks",
  messages: "Messages and history",
};

/** The OpenAPI 3.1 document of `contract`. Throws when two endpoints share an operation id, or a method and path. */
export function openApiDocument(contract: Readonly<Record<string, Endpoints>>, version: string): Json {
  const operations = Object.entries(contract).flatMap(([tag, endpoints]) =>
    Object.entries(endpoints).map(([id, endpoint]) => ({ tag, id, endpoint })),
  );
  const given: Record<string, z.ZodType> = { error };
  const ids = new Set<string>();
  for (const { id, endpoint } of operations) {
    if (ids.has(id)) throw new Error(`two endpoints are called ${id}`);
    ids.add(id);
    if (endpoint.query !== undefined) given[`${id}.query`] = endpoint.query;
    if (endpoint.body !== undefined) given[`${id}.body`] = endpoint.body;
    for (const [status, schema] of Object.entries(endpoint.answers)) if (schema) given[`${id}.${status}`] = schema;
  }
  const { inline, named } = jsonSchemas(given);
  const shared = new Map<string, Json>();
  const paths: Record<string, Record<string, Json>> = {};
  for (const { tag, id, endpoint } of operations) {
    const path = `/api${endpoint.path}`;
    const methods = paths[path] ?? {};
    paths[path] = methods;
    if (methods[endpoint.method] !== undefined) throw new Error(`two endpoints are ${endpoint.method} ${path}`);
    methods[endpoint.method] = operation(tag, id, endpoint, inline, shared);
  }
  paths["/health"] = { get: health };
  return {
    openapi: "3.1.0",
    info: { title: "GoChat", version, description: about },
    servers: [{ url: "/" }],
    tags: Object.keys(contract).map((name) => ({ name, description: tags[name] ?? name })),
    paths,
    components: {
      securitySchemes: { accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      responses: Object.fromEntries([...shared].sort(([a], [b]) => (a < b ? -1 : 1))),
      schemas: named,
    },
  };
}

type Inline = Readonly<Record<string, Json>>;

function operation(tag: string, id: string, endpoint: Endpoint, inline: Inline, shared: Map<string, Json>): Json {
  const { summary, description, auth, path, body, answers } = endpoint;
  const parameters = [
    ...pathParameters(path),
    ...queryParameters(inline[`${id}.query`]),
    ...(endpoint.idempotent ? [idempotencyKey] : []),
  ];
  return {
    tags: [tag],
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    security: auth === "none" ? [] : [{ accessToken: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(inline[`${id}.body`] ?? {}) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, schema]) => {
          const always = schema?.safeParse(undefined).success === false;
          return [status, success(inline[`${id}.${status}`], Number(status), always)];
        }),
      ),
      ...errorResponses(endpoint, shared),
    },
  };
}

/** An empty body is an empty object, so a body is required where one of its fields is. */
function requestBody(schema: Json): Json {
  const required = Array.isArray(schema.required) && schema.required.length > 0;
  return { required, content: { "application/json": { schema } } };
}

function pathParameters(path: string): Json[] {
  return paramsIn(path).map(({ name, pattern }) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", pattern },
  }));
}

function queryParameters(schema: Json | undefined): Json[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: "query",
    ...(description === undefined ? {} : { description }),
    ...(required.includes(name) ? { required: true } : {}),
    schema: rest,
  }));
}

const idempotencyKey: Json = {
  name: "Idempotency-Key",
  in: "header",
  description: "Kept for 24 h per user: a repeat gets the same answer, another request under it is a conflict",
  schema: { type: "string", pattern: `^[ -~]{1,${keyCharsMax}}$` },
};

const traceHeader: Json = { "X-Trace-ID": { schema: { type: "string" } } };

/** `always`: there is no such answer without `data`. */
function success(data: Json | undefined, status: number, always: boolean): Json {
  return {
    description: status === 201 ? "Created" : "OK",
    headers: traceHeader,
    content: {
      "application/json": {
        schema: {
          type: "object",
          properties: {
            success: { const: true },
            message: { type: "string" },
            ...(data === undefined ? {} : { data }),
          },
          required: ["success", "message", ...(data === undefined || !always ? [] : ["data"])],
        },
      },
    },
  };
}

const healthSchema: Json = {
  type: "object",
  properties: {
    status: { type: "string", enum: ["ok", "down"] },
    time: { type: "integer", description: "Unix seconds" },
    version: { type: "string" },
  },
  required: ["status", "time", "version"],
};

const health: Json = {
  operationId: "health",
  summary: "Whether this gateway can serve",
  security: [],
  responses: Object.fromEntries(
    [
      ["200", "It can"],
      ["503", "A part that it needs is down"],
    ].map(([status, description]) => [
      status,
      { description, content: { "application/json": { schema: healthSchema } } },
    ]),
  ),
};
