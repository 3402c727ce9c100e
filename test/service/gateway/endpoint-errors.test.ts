import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AppDeps, apiPrefixes, createApp } from "../../../gateway/http/app.ts";
import type { Endpoint } from "../../../gateway/http/endpoint.ts";
import { errorsOf, paramsIn } from "../../../gateway/http/openapi-errors.ts";
import { defaultRules, type Rule } from "../../../infra/ratelimit/rules.ts";
import type { ErrorName } from "../../../proto/errors.ts";
import { type Account, type Answer, newAccount, newGuest } from "../../support/api.ts";
import {
  beyond,
  bodyFor,
  bodyOf,
  endpoints,
  named,
  operations,
  pathOf,
  queryOf,
  sampleObject,
} from "./endpoint-samples.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

/*
 * The errors that follow from what an endpoint takes and who may enter, of every endpoint of the contract: a new one is
 * tested as soon as it is there. Errors of its own subject are with the tests of that subject.
 */

let town: Town;
let ann: Account;
let guest: Account;
beforeAll(async () => {
  town = await openTown();
  ann = await newAccount(town.api);
  guest = await newGuest(town.api);
});
afterAll(() => town[Symbol.asyncDispose]());

type Call = Pick<Answer<unknown>, "status" | "code" | "success">;

/** The call, whose error must be one that the document names for this endpoint. */
async function ask(endpoint: Endpoint, path: string, body?: unknown, token?: string): Promise<Call> {
  const { status, code, success } = await town.api.call(endpoint.method.toUpperCase(), path, body, token);
  expect([path, status, success, errorsOf(endpoint).includes(code as ErrorName) ? "documented" : code]).toEqual([
    path,
    status,
    false,
    "documented",
  ]);
  return { status, code, success };
}

describe("10 §1: who may enter", () => {
  test.each(named(({ auth }) => auth !== "none"))(
    "%s: 401 without a token, and with a wrong one",
    async (name, one) => {
      const path = pathOf(one) + queryOf(name);
      expect(await ask(one, path, bodyFor(name))).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
      for (const wrong of ["x.y.z", ann.refreshToken]) {
        expect(await ask(one, path, bodyFor(name), wrong)).toMatchObject({ status: 401, code: "INVALID_TOKEN" });
      }
    },
  );

  test.each(named(({ auth }) => auth === "registered"))("%s: 403 for a guest", async (name, one) => {
    const answer = await ask(one, pathOf(one) + queryOf(name), bodyFor(name), guest.accessToken);
    expect(answer).toMatchObject({ status: 403, code: "GUEST_FORBIDDEN" });
  });
});

/** Something else is refused first in these: the wrong old password, nobody to chat with, no such conversation. */
const refusedFirst: Readonly<Record<string, number>> = {
  "changePassword newPassword": 401,
  "createConversation name": 404,
  "sendMessageTo conversationId": 404,
};

describe("10 §1: bodies", () => {
  test.each(named(({ body }) => body !== undefined))("%s: 400 for what is no JSON object", async (_, one) => {
    for (const bad of ["{", "[]", '"x"', "null"]) {
      const answer = await ask(one, pathOf(one), bad, ann.accessToken);
      expect(answer).toMatchObject({ status: 400, code: "INVALID_PARAMETER" });
    }
  });

  test.each(named(({ body }) => body !== undefined))("%s: 400 for each field of another type", async (name, one) => {
    const { properties = {} } = bodyOf(name) ?? {};
    for (const field of Object.keys(properties)) {
      for (const bad of [{ a: [] }, [[]]]) {
        // Free-form objects take any.
        if (properties[field]?.type === "object" && !Array.isArray(bad)) continue;
        const body = { ...sampleObject(bodyOf(name) ?? {}), [field]: bad };
        expect([field, (await ask(one, pathOf(one), body, ann.accessToken)).status]).toEqual([field, 400]);
      }
    }
  });

  test.each(named(({ body }) => body !== undefined))(
    "%s: 400 for each field beyond its limits, with NUL and with a lone surrogate",
    async (name, one) => {
      const by = name === "upgradeGuest" ? guest : ann;
      for (const [field, schema] of Object.entries(bodyOf(name)?.properties ?? {})) {
        const status = refusedFirst[`${name} ${field}`] ?? 400;
        for (const bad of beyond(schema)) {
          const body = { ...sampleObject(bodyOf(name) ?? {}), [field]: bad };
          const answer = await ask(one, pathOf(one), body, by.accessToken);
          const shown = JSON.stringify(bad).slice(0, 40);
          // NUL and surrogates are found before anything is asked.
          const early = answer.code === "INVALID_PARAMETER" ? 400 : status;
          expect([field, shown, answer.status]).toEqual([field, shown, early]);
        }
      }
    },
  );

  test.each(named(({ body }) => body !== undefined))("%s: 400 without a required field", async (name, one) => {
    for (const field of bodyOf(name)?.required ?? []) {
      const body = { ...sampleObject(bodyOf(name) ?? {}), [field]: undefined };
      expect([field, (await ask(one, pathOf(one), body, ann.accessToken)).status]).toEqual([field, 400]);
    }
  });

  test.each(named(({ body }) => body !== undefined))("%s: 413 over 1 MiB", async (_, one) => {
    const answer = await ask(one, pathOf(one), `{"x":"${"x".repeat(1_050_000)}"}`, ann.accessToken);
    expect(answer).toMatchObject({ status: 413, code: "PAYLOAD_TOO_LARGE" });
  });
});

describe("60 §8: the limit that an endpoint names", () => {
  test.each(named(({ limit }) => limit !== undefined))("%s: 429 with Retry-After", async (name, one) => {
    const rules: Readonly<Record<string, Rule>> = defaultRules;
    const rule = one.limit ?? "";
    const me = one.auth === "none" ? undefined : await newAccount(town.api);
    const resource = me === undefined ? "ip:127.0.0.1" : `user:${me.userId}`;
    town.ratelimit.setEnabled(true);
    try {
      for (let left = rules[rule]?.capacity ?? 0; left > 0; left -= 1) await town.ratelimit.allow(resource, rule);
      const path = pathOf(one) + queryOf(name);
      const answer = await town.api.call(one.method.toUpperCase(), path, bodyFor(name), me?.accessToken);
      expect([answer.status, answer.code]).toEqual([429, "RATE_LIMITED"]);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    } finally {
      town.ratelimit.setEnabled(false);
    }
  });
});

describe("10 §1: queries and paths", () => {
  test.each(named(({ query }) => query !== undefined))(
    "%s: 400 for a query that is no number, flag or word",
    async (name, one) => {
      const given = (operations.get(name)?.parameters ?? []).filter((parameter) => parameter.in === "query");
      for (const { name: field, schema } of given) {
        if (schema.type === "string" && schema.enum === undefined) continue;
        const path = `${pathOf(one)}?${field}=${encodeURIComponent("no such")}`;
        expect([field, await ask(one, path, undefined, ann.accessToken)]).toMatchObject([
          field,
          { status: 400, code: "INVALID_PARAMETER" },
        ]);
      }
    },
  );

  test.each(named(({ query }) => query !== undefined))(
    "%s: 400 for each text of a query beyond its limit, and with NUL",
    async (name, one) => {
      const given = (operations.get(name)?.parameters ?? []).filter((parameter) => parameter.in === "query");
      for (const { name: field, schema } of given) {
        if (schema.type !== "string" || schema.enum !== undefined) continue;
        const others = queryOf(name).slice(1);
        const texts = beyond(schema)
          .map(String)
          .filter((text) => text.isWellFormed());
        for (const bad of texts.map(encodeURIComponent)) {
          // Of a name that comes twice, the first counts.
          const answer = await ask(one, `${pathOf(one)}?${field}=${bad}&${others}`, undefined, ann.accessToken);
          expect([field, bad.slice(0, 40), answer.status]).toEqual([field, bad.slice(0, 40), 400]);
        }
      }
    },
  );

  test.each(named(({ path }) => path.includes("{")))(
    "%s: 404 for what does not exist, or cannot",
    async (name, one) => {
      const query = queryOf(name);
      expect((await ask(one, pathOf(one) + query, bodyFor(name), ann.accessToken)).status).toBe(404);
      for (const { name: param, missing } of paramsIn(one.path)) {
        if (missing === "INVALID_PARAMETER") continue;
        const path = pathOf({
          ...one,
          path: one.path.replace(`{${param}}`, encodeURIComponent("no such")) as `/${string}`,
        });
        expect((await ask(one, path + query, bodyFor(name), ann.accessToken)).status).toBe(404);
      }
    },
  );

  test("405 for every other method of every path", async () => {
    const fits = (method: string, path: string): boolean =>
      endpoints.some(
        ([, one]) => one.method === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path),
      );
    for (const path of new Set(endpoints.map(([, one]) => pathOf(one)))) {
      for (const method of ["get", "post", "put", "delete", "patch"]) {
        if (fits(method, path)) continue;
        const answer = await town.api.call(method.toUpperCase(), path, undefined, ann.accessToken);
        expect([method, path, answer.status, answer.code]).toEqual([method, path, 405, "METHOD_NOT_ALLOWED"]);
      }
      const below = await town.api.call("GET", `${path}/no/such/path`, undefined, ann.accessToken);
      expect([path, below.status, below.code]).toEqual([path, 404, "NOT_FOUND"]);
    }
  });
});

test("10 §1: every route that is mounted is an endpoint of the contract, and the other way round", () => {
  // Nothing is called: only what is mounted counts.
  const nothing: unknown = new Proxy(() => undefined, { get: () => nothing });
  const app = createApp(nothing as AppDeps);
  const mounted = app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
  const documents = ["GET /openapi.json", "GET /schema.binpb"];
  const listed = endpoints.map(
    ([, { method, path }]) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
  );
  const expected = apiPrefixes.flatMap((prefix) =>
    [...listed, ...documents].map((one) => one.replace(" ", ` ${prefix}`)),
  );
  expect([...new Set(mounted)].sort()).toEqual(expected.sort());
});

test("ERRORS: DUPLICATE_MESSAGE is no answer of any endpoint: a repeated send answers 200 with the same ids", async () => {
  expect(endpoints.filter(([, one]) => errorsOf(one).includes("DUPLICATE_MESSAGE"))).toEqual([]);
  const send = (): Promise<Answer<{ id: string; seqId: number }>> =>
    town.api.call("POST", "/conversations/world/messages", message, ann.accessToken);
  const message = { messageType: 1, content: "once", client_msg_id: "once" };
  const [first, again] = [await send(), await send()];
  expect([first.status, again.status, again.code]).toEqual([201, 200, undefined]);
  expect([again.data.id, again.data.seqId]).toEqual([first.data.id, first.data.seqId]);
});
