import { afterAll, beforeAll, expect, test } from "bun:test";
import { newAccount } from "../../support/api.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
beforeAll(async () => {
  town = await openTown(undefined, undefined, { gateways: 2 });
});
afterAll(() => town[Symbol.asyncDispose]());

interface Created {
  status: number;
  code?: string;
  data?: { id: string };
}

async function create(token: string, body: object, key: string, gateway = 0, header = "Idempotency-Key") {
  const response = await fetch(`${town.gateways[gateway]?.url}/api/conversations`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", [header]: key },
    body: JSON.stringify(body),
  });
  const { code, data } = (await response.json()) as Omit<Created, "status">;
  return { status: response.status, code, id: data?.id };
}

test("10 §1: a repeat under an Idempotency-Key gets the stored result, on every gateway; other content is a conflict", async () => {
  const [ann, bob] = [await newAccount(town.api), await newAccount(town.api)];
  const group = { type: 2, name: "once", members: [bob.userId] };
  const first = await create(ann.accessToken, group, "key-1");
  expect(first.status).toBe(201);
  expect(await create(ann.accessToken, group, "key-1")).toEqual(first);
  expect(await create(ann.accessToken, { ...group, unknown: 1 }, "key-1", 1, "X-Idempotency-Key")).toEqual(first);
  const other = await create(ann.accessToken, { ...group, name: "twice" }, "key-1", 1);
  expect(other).toMatchObject({ status: 409, code: "IDEMPOTENCY_CONFLICT" });
  expect((await create(ann.accessToken, group, "key-2")).id).not.toBe(first.id);
  const hers = { type: 2, name: "once", members: [ann.userId] };
  expect((await create(bob.accessToken, hers, "key-1")).status).toBe(201);
});

test("10 §1: two at once under one key make one group; a refusal is not kept; a key has 1 to 64 printable characters", async () => {
  const [ann, bob] = [await newAccount(town.api), await newAccount(town.api)];
  const group = { type: 2, name: "at once", members: [bob.userId] };
  const both = await Promise.all([0, 1].map((gateway) => create(ann.accessToken, group, "k", gateway)));
  expect(both[0]).toEqual(both[1] ?? { status: 0, code: "", id: "" });
  expect((await create(ann.accessToken, { ...group, members: ["7"] }, "again")).code).toBe("USER_NOT_FOUND");
  expect((await create(ann.accessToken, group, "again")).status).toBe(201);
  for (const bad of ["x".repeat(65), "é"]) {
    expect(await create(ann.accessToken, group, bad)).toMatchObject({ status: 400, code: "INVALID_PARAMETER" });
  }
});
