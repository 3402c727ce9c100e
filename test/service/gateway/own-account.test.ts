import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Api, createApi, newAccount, newGuest } from "../../support/api.ts";
import { openSocket } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

interface Session {
  sessionId: string;
  deviceId?: string;
  current: boolean;
  online: boolean;
}
interface Tokens {
  accessToken: string;
  refreshToken: string;
  user: { id: string; isGuest: boolean };
}

let town: Town;
let first: Api;
let secondUrl = "";
beforeAll(async () => {
  town = await openTown(undefined, undefined, { gateways: 2 });
  first = town.api;
  secondUrl = town.gateways[1]?.url ?? "";
});
afterAll(() => town[Symbol.asyncDispose]());

async function anotherDevice(account: { username: string; password: string }, deviceId: string): Promise<Tokens> {
  const { username, password } = account;
  return (await first.call<Tokens>("POST", "/auth/login", { username, password, deviceId })).data;
}

test("10 §3: sessions are listed; one that is ended loses its tokens, and its socket on another gateway with 4004", async () => {
  const ann = await newAccount(first);
  const laptop = await anotherDevice(ann, "laptop");
  const socket = await openSocket(secondUrl, laptop.accessToken);
  const list = async () =>
    (await first.call<{ sessions: Session[] }>("GET", "/auth/sessions", undefined, ann.accessToken)).data.sessions;
  const before = await list();
  expect(before.map(({ current, online }) => [current, online]).sort()).toEqual([
    [false, true],
    [true, false],
  ]);
  const other = before.find(({ current }) => !current);
  expect(other?.deviceId).toBe("laptop");

  const path = `/auth/sessions/${other?.sessionId}`;
  const bob = await newAccount(first);
  expect(await first.call("DELETE", path, undefined, bob.accessToken)).toMatchObject({
    status: 404,
    code: "SESSION_NOT_FOUND",
  });
  expect((await first.call("DELETE", path, undefined, ann.accessToken)).status).toBe(200);
  expect(await socket.closed).toBe(4004);
  const api = createApi(secondUrl);
  expect((await api.call("GET", "/users/profile", undefined, laptop.accessToken)).code).toBe("INVALID_TOKEN");
  const refresh = { refreshToken: laptop.refreshToken };
  expect((await api.call("POST", "/auth/refresh", refresh)).code).toBe("INVALID_TOKEN");
  expect((await list()).map(({ current }) => current)).toEqual([true]);
  expect((await first.call("DELETE", path, undefined, ann.accessToken)).code).toBe("SESSION_NOT_FOUND");
  expect((await first.call("DELETE", "/auth/sessions/x", undefined, ann.accessToken)).code).toBe("SESSION_NOT_FOUND");
});

test("10 §3: a changed password closes the other devices' sockets with 4004 over all gateways, not the own", async () => {
  const ann = await newAccount(first);
  const laptop = await anotherDevice(ann, "laptop");
  const there = await openSocket(secondUrl, laptop.accessToken, { query: { deviceId: "laptop" } });
  await using here = await openSocket(secondUrl, ann.accessToken, { query: { deviceId: "phone" } });
  const change = (oldPassword: string, newPassword: string) =>
    first.call("PUT", "/auth/password", { oldPassword, newPassword }, ann.accessToken);
  expect(await change("wrong one", "battery staple")).toMatchObject({ status: 401, code: "AUTH_INVALID_CREDENTIALS" });
  expect(await change(ann.password, "12345")).toMatchObject({ status: 400, code: "WEAK_PASSWORD" });
  expect((await change(ann.password, "battery staple")).status).toBe(200);
  expect(await there.closed).toBe(4004);
  here.send("ping");
  await here.next("pong");
  const guest = await newGuest(first);
  const body = { oldPassword: "x", newPassword: "battery staple" };
  const refused = await first.call("PUT", "/auth/password", body, guest.accessToken);
  expect(refused).toMatchObject({ status: 403, code: "GUEST_FORBIDDEN" });
});

test("10 §3: a guest becomes an account and keeps its socket, which refresh-auth makes the account's", async () => {
  const guest = await newGuest(first);
  await using socket = await openSocket(town.url, guest.accessToken);
  const username = `was_guest_${Math.floor(Math.random() * 1e6)}`;
  const upgrade = (token: string, body: object) => first.call<Tokens>("POST", "/auth/upgrade", body, token);
  expect(await upgrade(guest.accessToken, { username: "a", password: "correct horse" })).toMatchObject({
    status: 400,
    code: "INVALID_USERNAME",
  });
  const answer = await upgrade(guest.accessToken, { username, password: "correct horse" });
  expect(answer.data.user).toMatchObject({ id: guest.userId, isGuest: false });
  const { accessToken } = answer.data;
  expect(await upgrade(accessToken, { username: "again_1", password: "correct horse" })).toMatchObject({
    status: 403,
    code: "NOT_GUEST",
  });
  expect((await first.call("GET", "/users/search?q=zz", undefined, accessToken)).status).toBe(200);
  socket.send("refresh-auth", { token: accessToken }, "r");
  expect((await socket.next("auth-refreshed")).id).toBe("r");
  socket.send("send-message", { conversationId: "world", content: "me", messageType: 1, client_msg_id: "1" });
  expect((await socket.next("message-ack")).data.status).toBe("success");
});

test("LOGIN_LOCKED: 429 with Retry-After for the rest of the window, and elsewhere not", async () => {
  const { username, password } = await newAccount(first);
  for (let n = 0; n < 5; n++) await first.call("POST", "/auth/login", { username, password: "wrong one" });
  const locked = await first.call("POST", "/auth/login", { username, password });
  expect(locked).toMatchObject({ status: 429, code: "LOGIN_LOCKED" });
  expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(290);
  expect(Number(locked.details?.retryAfterMs)).toBeGreaterThan(290_000);
});

test("10 §4: /users/online answers for every id asked for; what is no list of ids is INVALID_PARAMETER", async () => {
  const [ann, bob] = [await newAccount(first), await newAccount(first)];
  await using _socket = await openSocket(secondUrl, bob.accessToken);
  const online = (ids: string, token = ann.accessToken) =>
    first.call<{ statuses: object[] }>("GET", `/users/online?ids=${ids}`, undefined, token);
  const before = await online(`${ann.userId},${bob.userId}`);
  expect(before.data.statuses).toEqual([
    { userId: ann.userId, isOnline: false },
    { userId: bob.userId, isOnline: false },
  ]);
  await first.call("POST", "/conversations", { type: 2, name: "we", members: [bob.userId] }, ann.accessToken);
  expect((await online(bob.userId)).data.statuses).toMatchObject([{ userId: bob.userId, isOnline: true }]);
  const many = Array.from({ length: 101 }, (_, at) => at + 1).join(",");
  for (const bad of ["", "x", "1,,2", many]) expect((await online(bad)).code).toBe("INVALID_PARAMETER");
  expect((await online("1", (await newGuest(first)).accessToken)).code).toBe("GUEST_FORBIDDEN");
});
