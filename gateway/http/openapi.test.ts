import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { contract } from "./contract.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { openApiDocument } from "./openapi.ts";
import { errorsOf } from "./openapi-errors.ts";

const bare = { method: "get", path: "/x", summary: "X", auth: "none", answers: { 200: null } } as const;

test("what an endpoint takes and who may enter decide which errors it may answer (spec 10 §1)", () => {
  const always = ["INTERNAL_ERROR", "RATE_LIMITED", "SERVICE_UNAVAILABLE", "TIMEOUT"] as const;
  const of = (more: Partial<Endpoint>): string[] => [...errorsOf({ ...bare, ...more })].sort();
  expect(of({})).toEqual([...always]);
  expect(of({ auth: "user" })).toEqual(
    [...always, "UNAUTHORIZED", "INVALID_TOKEN", "TOKEN_EXPIRED", "USER_DISABLED"].sort(),
  );
  expect(of({ auth: "registered" })).toContain("GUEST_FORBIDDEN");
  expect(of({ query: z.object({}) })).toEqual([...always, "INVALID_PARAMETER"].sort());
  expect(of({ body: z.object({}) })).toEqual([...always, "INVALID_PARAMETER", "PAYLOAD_TOO_LARGE"].sort());
  expect(of({ path: "/x/{conversationId}" })).toContain("CONVERSATION_NOT_FOUND");
  expect(() => of({ path: "/x/{unknown}" })).toThrow("unknown");
});

describe("the document", () => {
  test("shows aliases of no field, limits of texts, numbers as numbers, and named objects by reference", () => {
    const { paths } = openApiDocument(contract, "1") as { paths: Record<string, Record<string, unknown>> };
    const search = JSON.stringify(paths["/api/users/search"]?.get);
    expect(search).toContain(
      '{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":20,"default":10}}',
    );
    expect(search).toContain('{"$ref":"#/components/schemas/User"}');
    const all = JSON.stringify(paths);
    for (const alias of ["pageSize", "refresh_token", 'clientMsgId"', "message_type"]) expect(all).not.toContain(alias);
    expect(all).toContain('"maxLength":5000');
  });

  test("takes the ids that are made today in the list of /users/online, and none that the endpoint refuses", () => {
    const { paths } = openApiDocument(contract, "1") as { paths: Record<string, unknown> };
    const pattern = /"pattern":"([^"]+\(\?:,[^"]+)"/.exec(JSON.stringify(paths["/api/users/online"]))?.[1];
    const list = new RegExp(pattern ?? "none", "u");
    expect("2127541171113693184,1").toMatch(list);
    for (const none of ["", "0", "01", "1,", "1, 2", "x", "9223372036854775808"]) expect(none).not.toMatch(list);
  });

  test("two endpoints share neither their name nor method and path", () => {
    const one = endpoint(bare);
    expect(() => openApiDocument({ a: { one }, b: { two: one } }, "1")).toThrow("/api/x");
    expect(() => openApiDocument({ a: { one }, b: { one: { ...one, path: "/y" } } }, "1")).toThrow("called one");
  });
});
