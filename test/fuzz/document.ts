import type { Json } from "../../proto/schemas/json-schema.ts";

/** Ids that exist, so that requests come beyond "not found". */
export interface Known {
  readonly users: readonly string[];
  readonly conversations: readonly string[];
}

/** The OpenAPI document as the fuzzer gets it: what an answer does not declare is a mismatch, and half of the ids in
 *  requests are ids that exist. */
export function fuzzDocument(document: Json, known: Known): Json {
  const copy = structuredClone(JSON.parse(JSON.stringify(document))) as {
    paths: Record<string, Record<string, { parameters?: Json[]; requestBody?: Json }>>;
    components: { schemas: Record<string, Json> };
  };
  for (const schema of Object.values(copy.components.schemas)) {
    if (schema.type === "object") schema.additionalProperties ??= false;
  }
  // The envelope of an error is joined with its code by `allOf`.
  const { Error: envelope } = copy.components.schemas;
  if (envelope !== undefined) delete envelope.additionalProperties;
  const ids: Readonly<Record<string, readonly string[]>> = {
    userId: [...known.users, "7"],
    conversationId: [...known.conversations, "none"],
  };
  for (const operation of Object.values(copy.paths).flatMap((methods) => Object.values(methods))) {
    for (const parameter of operation.parameters ?? []) {
      const values = parameter.in === "path" ? ids[String(parameter.name)] : undefined;
      if (values !== undefined) parameter.schema = { anyOf: [{ type: "string", enum: values }, parameter.schema] };
    }
    operation.requestBody = withIds(operation.requestBody, {
      "#/components/schemas/Id": [...known.users, "7"],
      "#/components/schemas/ConversationId": [...known.conversations, "none"],
    }) as Json;
  }
  return copy as unknown as Json;
}

/** Most random text is no name of an account. */
const username: Json = { type: "string", pattern: "^[A-Za-z0-9_]{3,20}$" };

function withIds(node: unknown, ids: Readonly<Record<string, readonly string[]>>): unknown {
  if (Array.isArray(node)) return node.map((item) => withIds(item, ids));
  if (typeof node !== "object" || node === null) return node;
  const values = "$ref" in node ? ids[String(node.$ref)] : undefined;
  if (values !== undefined) return { type: "string", enum: values };
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [name, name === "username" ? username : withIds(value, ids)]),
  );
}
