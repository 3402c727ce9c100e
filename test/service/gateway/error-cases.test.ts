import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Endpoint } from "../../../gateway/http/endpoint.ts";
import { ERRORS, type ErrorName } from "../../../proto/errors.ts";
import { endpoints } from "./endpoint-samples.ts";
import { accountRows } from "./error-cases/accounts.ts";
import { conversationRows } from "./error-cases/conversations.ts";
import { messageRows } from "./error-cases/messages.ts";
import { type Case, done, groupOf, openScene, type Rows, type Scene } from "./error-cases/scene.ts";
import { usual } from "./error-cases/usual.ts";

/*
 * Each error that an endpoint documents for itself is brought about over HTTP. What follows from who may enter, and from
 * the shape of the request, is in endpoint-errors.test.ts; what any endpoint may answer, in endpoint-failures.test.ts.
 */

const rows: Rows = { ...accountRows, ...conversationRows, ...messageRows };

/** What the endpoint's own entry in the contract names. */
function documented({ errors = [], notFound = [], idempotent }: Endpoint): ErrorName[] {
  const own: ErrorName[] = [...errors, ...notFound];
  if (idempotent === true) own.push("IDEMPOTENCY_CONFLICT");
  return [...new Set(own)];
}

function caseOf(name: string, code: ErrorName): Case | undefined {
  const { ask, cases } = rows[name] ?? {};
  return cases?.[code] ?? (ask === undefined ? undefined : usual[code]?.(ask));
}

/** NOT_FRIENDS of the path, and no other, has its 404 instead of its own status. */
function statusOf({ errors = [], notFound = [] }: Endpoint, code: ErrorName): number {
  return notFound.includes(code) && !errors.includes(code) ? 404 : ERRORS[code].http;
}

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.[Symbol.asyncDispose]());

test("ERRORS: every code that an endpoint documents for itself has a case here", () => {
  const missing = endpoints.flatMap(([name, one]) =>
    documented(one)
      .filter((code) => caseOf(name, code) === undefined)
      .map((code) => `${name} ${code}`),
  );
  expect(missing).toEqual([]);
});

test("no case is left of an endpoint or a code that is documented no more", () => {
  const known = new Map(endpoints);
  const obsolete = Object.entries(rows).flatMap(([name, { ask, cases = {} }]) => {
    const one = known.get(name);
    if (one === undefined) return [name];
    const codes = documented(one);
    const left = (Object.keys(cases) as ErrorName[]).filter((code) => !codes.includes(code));
    const idle = ask !== undefined && codes.every((code) => cases[code] !== undefined) ? ["ask"] : [];
    return [...left, ...idle].map((code) => `${name} ${code}`);
  });
  expect(obsolete).toEqual([]);
});

for (const [name, one] of endpoints) {
  const codes = documented(one);
  if (codes.length === 0) continue;
  describe(`${name}: ${one.method.toUpperCase()} ${one.path}`, () => {
    test.each(codes)("%s", async (code) => {
      const answer = await caseOf(name, code)?.(scene);
      expect([answer?.status, answer?.code, answer?.success]).toEqual([statusOf(one, code), code, false]);
      expect(answer?.message).not.toBe("");
    });
  });
}

test("10 §7: what a target of a forward refuses is told by its code, and the others get it", async () => {
  const { town, ann, ben } = scene;
  const call = <T>(method: string, path: string, body?: object, by = ann) =>
    town.api.call<T>(method, path, body, by.accessToken);
  const [from, muted, gone] = [await groupOf(scene), await groupOf(scene), await groupOf(scene)];
  await call("PUT", `/conversations/${muted.id}/mute-all`, { enabled: true });
  await call("DELETE", `/conversations/${gone.id}`);
  const single = await call<{ id: string }>("POST", "/conversations", { type: 1, members: [ben.userId] });
  await call("PUT", `/blocks/${ben.userId}`);
  const taken = { messageType: 1, content: "another", client_msg_id: "f:6" };
  await call("POST", `/conversations/${from.id}/messages`, taken, ben);
  const { id: notHis } = await done<{ id: string }>(scene, ann, "POST", "/conversations", {
    ...{ type: 2, name: "a group", members: [scene.eve.userId] },
  });
  const conversationIds = [muted.id, gone.id, single.data.id, notHis, "group_999", from.id, "world"];
  const body = { conversationIds, client_msg_id: "f" };
  type Forwarded = { messages: { conversationId: string }[]; failed: { conversationId: string; code: string }[] };
  const { status, data } = await call<Forwarded>("POST", `/messages/${from.message}/forward`, body, ben);
  await call("DELETE", `/blocks/${ben.userId}`);
  expect([status, data.messages.map((one) => one.conversationId)]).toEqual([201, ["world"]]);
  expect(data.failed.map(({ code }) => code)).toEqual([
    ...["USER_MUTED", "CONVERSATION_DISSOLVED", "BLOCKED_BY_USER", "NOT_CONVERSATION_MEMBER"],
    ...["CONVERSATION_NOT_FOUND", "IDEMPOTENCY_CONFLICT"],
  ]);
});

test("10 §6: whom a group does not take is told by his code", async () => {
  const { ann, ben, guest } = scene;
  const { id } = await groupOf(scene);
  const body = { members: [ben.userId, guest.userId, "999"] };
  const path = `/conversations/${id}/members`;
  const { failed } = await done<{ failed: { code: string }[] }>(scene, ann, "POST", path, body);
  const codes = ["USER_ALREADY_IN_CONVERSATION", "GUEST_FORBIDDEN", "USER_NOT_FOUND"];
  expect(failed.map(({ code }) => code)).toEqual(codes);
});

test("JOIN_REQUEST_NOT_FOUND for the request of another group, which stays open", async () => {
  const { town, ann, eve } = scene;
  const [mine, other] = [await groupOf(scene, { join_approval_required: true }), await groupOf(scene)];
  const path = `/conversations/${mine.id}/join-requests`;
  const asked = await town.api.call<{ id: string }>("POST", path, {}, eve.accessToken);
  const answer = (id: string) => {
    const handled = `/conversations/${id}/join-requests/${asked.data.id}`;
    return town.api.call("PUT", handled, { action: "reject" }, ann.accessToken);
  };
  expect(await answer(other.id)).toMatchObject({ status: 404, code: "JOIN_REQUEST_NOT_FOUND" });
  expect((await answer(mine.id)).status).toBe(200);
});

const ofTarget = endpoints.filter(([, { errors = [], notFound = [] }]) =>
  notFound.some((code) => errors.includes(code)),
);
test.each(ofTarget)("10 §6: %s: 404 NOT_CONVERSATION_MEMBER, when the target is none", async (_, one) => {
  const { id } = await groupOf(scene);
  const path = one.path.replace("{conversationId}", id).replace("{memberId}", scene.eve.userId);
  const body = one.method === "delete" ? undefined : { role: 2, muted: true };
  const answer = await scene.town.api.call(one.method.toUpperCase(), path, body, scene.ann.accessToken);
  expect(answer).toMatchObject({ status: 404, code: "NOT_CONVERSATION_MEMBER", success: false });
});
