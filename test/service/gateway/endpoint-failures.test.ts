import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Endpoint } from "../../../gateway/http/endpoint.ts";
import { errorsOf } from "../../../gateway/http/openapi-errors.ts";
import { defaultRules } from "../../../infra/ratelimit/rules.ts";
import { AppError, ERRORS, type ErrorName } from "../../../proto/errors.ts";
import { type Account, type Answer, newAccount } from "../../support/api.ts";
import { bodyFor, endpoints, named, pathOf, queryOf } from "./endpoint-samples.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

/* What any endpoint answers when its caller may not go on, or when what is behind the gateway fails (spec 10 §1). */

let town: Town;
let ann: Account;
let ben: Account;
beforeAll(async () => {
  town = await openTown();
  ann = await newAccount(town.api);
  ben = await newAccount(town.api);
  await town.db.script(async (execute) => {
    await execute(`UPDATE users SET status = 1 WHERE id = ${ben.userId}`);
  });
});
afterAll(() => town[Symbol.asyncDispose]());

async function ask(name: string, one: Endpoint, by: Account = ann): Promise<Answer<unknown>> {
  const body = bodyFor(name);
  const token = one.auth === "none" ? undefined : by.accessToken;
  return await town.api.call(one.method.toUpperCase(), pathOf(one) + queryOf(name), body, token);
}

function expectError(name: string, one: Endpoint, { status, code, success }: Answer<unknown>, error: ErrorName): void {
  expect([name, status, code, success]).toEqual([name, ERRORS[error].http, error, false]);
  expect(errorsOf(one)).toContain(error);
}

async function all(wanted: readonly (readonly [string, Endpoint])[], error: ErrorName, by?: Account): Promise<void> {
  const answers = await Promise.all(wanted.map(([name, one]) => ask(name, one, by)));
  for (const [at, [name, one]] of wanted.entries()) {
    expectError(name, one, answers[at] as Answer<unknown>, error);
  }
}

const signedIn = named(({ auth }) => auth !== "none");

describe("10 §1: every endpoint with a token", () => {
  test("TOKEN_EXPIRED", async () => {
    town.advance(25 * 3_600_000);
    try {
      await all(signedIn, "TOKEN_EXPIRED");
    } finally {
      town.advance(-25 * 3_600_000);
    }
  });

  test("USER_DISABLED, although the token is good", () => all(signedIn, "USER_DISABLED", ben));
});

describe("10 §1: every endpoint, when logic fails", () => {
  test.each([
    ["INTERNAL_ERROR", () => Promise.reject(new TypeError("secret of the house"))],
    ["SERVICE_UNAVAILABLE", () => Promise.reject(new AppError("SERVICE_UNAVAILABLE"))],
    // What a signal rejects with when the deadline of its call has passed.
    ["TIMEOUT", () => Promise.reject(new DOMException("The operation timed out.", "TimeoutError"))],
  ] as const)("%s, which tells nothing of the inside", async (error, breaks) => {
    town.breaks = breaks;
    try {
      await all(endpoints, error);
      const told = await ask("getProfile", endpoints.find(([name]) => name === "getProfile")?.[1] as Endpoint);
      expect(told.message).toBe(ERRORS[error].message);
    } finally {
      town.breaks = undefined;
    }
  });
});

test.each(endpoints)("60 §8: %s: RATE_LIMITED says when to come back, in headers and details", async (name, one) => {
  const once = { mode: "local", ratePerSecond: 0.01, capacity: 1 } as const;
  town.ratelimit.setRules({ ...defaultRules, api_default: once });
  town.ratelimit.setEnabled(true);
  try {
    // The one that is left is taken by a request that changes nothing.
    await town.api.call("GET", "/users/profile", undefined, ann.accessToken);
    if (one.auth === "none") await ask(name, one);
    const refused = await ask(name, one);
    expectError(name, one, refused, "RATE_LIMITED");
    const header = (field: string): number => Number(refused.headers.get(field));
    expect(header("retry-after")).toBeWithin(1, 101);
    expect(Number(refused.details?.retryAfterMs)).toBeWithin(1, 100_001);
    expect([header("x-ratelimit-limit"), header("x-ratelimit-remaining")]).toEqual([1, 0]);
    expect(header("x-ratelimit-reset")).toBe(header("retry-after"));
  } finally {
    town.ratelimit.setEnabled(false);
    town.ratelimit.setRules(defaultRules);
  }
});
