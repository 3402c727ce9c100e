import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Accounts, openAccounts } from "./accounts-fixture.ts";

const password = "correct horse";
let app: Accounts;
beforeEach(async () => {
  app = await openAccounts();
});
afterEach(() => app[Symbol.asyncDispose]());

/** What the promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function signIn(username: string, secret = password, deviceId = "phone") {
  const tokens = await app.auth.login({ username, password: secret, deviceId, ip: "192.0.2.1" });
  const { sessionId } = await app.auth.validateToken({ accessToken: tokens.accessToken });
  return { ...tokens, sid: sessionId, userId: tokens.user?.id ?? "" };
}
async function guest() {
  const tokens = await app.auth.guestLogin({ deviceId: "phone" });
  const { sessionId } = await app.auth.validateToken({ accessToken: tokens.accessToken });
  return { ...tokens, sid: sessionId, userId: tokens.user?.id ?? "" };
}

test("a guest becomes an account: same id and session, longer tokens, the old refresh token is replaced", async () => {
  const before = await guest();
  const request = { userId: before.userId, sessionId: before.sid, username: "Ann_1", password };
  const after = await app.auth.upgradeGuest(request);
  expect(after.user).toMatchObject({ id: before.userId, username: "Ann_1", isGuest: false });
  expect(after.expiresIn - before.expiresIn).toBe(23n * 3600n);
  expect(await app.auth.validateToken({ accessToken: after.accessToken })).toMatchObject({
    valid: true,
    isGuest: false,
    sessionId: before.sid,
  });
  // A refresh that was on its way meanwhile gets the very successor, and nobody is signed out.
  const repeated = await app.auth.refreshToken({ refreshToken: before.refreshToken, deviceId: "phone" });
  expect(repeated.refreshToken).toBe(after.refreshToken);
  expect((await signIn("ann_1")).userId).toBe(before.userId);
  expect(await failure(app.auth.upgradeGuest({ ...request, username: "Ann_2" }))).toMatchObject({ code: "NOT_GUEST" });
});

test("NOT_GUEST, USER_ALREADY_EXISTS, INVALID_USERNAME, WEAK_PASSWORD: the guest stays a guest", async () => {
  await app.auth.register({ username: "taken", password });
  const { userId, sid: sessionId, accessToken } = await guest();
  const tries: [username: string, secret: string, code: string][] = [
    ["TAKEN", password, "USER_ALREADY_EXISTS"],
    ["a", password, "INVALID_USERNAME"],
    ["guest_12345678", password, "INVALID_USERNAME"],
    ["ann", "short", "WEAK_PASSWORD"],
  ];
  for (const [username, secret, code] of tries) {
    const refused = await failure(app.auth.upgradeGuest({ userId, sessionId, username, password: secret }));
    expect(refused).toMatchObject({ code });
  }
  expect(await app.auth.validateToken({ accessToken })).toMatchObject({ valid: true, isGuest: true });
});

test("a new password ends every other session; the old one signs nobody in", async () => {
  await app.auth.register({ username: "ann", password });
  const [here, there] = [await signIn("ann"), await signIn("ann", password, "laptop")];
  const { userId, sid: sessionId } = here;
  const change = { userId, sessionId, oldPassword: password, newPassword: "battery staple" };
  const wrong = await failure(app.auth.changePassword({ ...change, oldPassword: "not this one" }));
  expect(wrong).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
  const weak = await failure(app.auth.changePassword({ ...change, newPassword: "12345" }));
  expect(weak).toMatchObject({ code: "WEAK_PASSWORD" });
  expect((await app.auth.validateToken({ accessToken: there.accessToken })).valid).toBe(true);

  await app.auth.changePassword(change);
  expect((await app.auth.validateToken({ accessToken: here.accessToken })).valid).toBe(true);
  expect((await app.auth.validateToken({ accessToken: there.accessToken })).valid).toBe(false);
  expect(await failure(signIn("ann"))).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
  expect((await signIn("ann", "battery staple")).userId).toBe(userId);

  const visitor = await guest();
  const refused = await failure(app.auth.changePassword({ ...change, userId: visitor.userId }));
  expect(refused).toMatchObject({ code: "GUEST_FORBIDDEN" });
});

test("sessions are listed and ended one by one; SESSION_NOT_FOUND for others' and for none", async () => {
  await app.auth.register({ username: "ann", password });
  await app.auth.register({ username: "bob", password });
  const [phone, laptop, other] = [
    await signIn("ann"),
    await signIn("ann", password, "laptop"),
    await signIn("bob", password),
  ];
  const { userId } = phone;
  const place = { gatewayId: "gateway-1", incarnation: "one", sessionId: "socket-1", policy: { maxSessions: 5 } };
  await app.repo.onlineStatus.setUserOnline({ ...place, userId, sid: laptop.sid });
  const listed = async () => (await app.auth.listSessions({ userId })).sessions;
  expect((await listed()).map(({ sessionId, deviceId, online }) => [sessionId, deviceId, online]).sort()).toEqual(
    [
      [phone.sid, "phone", false],
      [laptop.sid, "laptop", true],
    ].sort(),
  );
  for (const sid of [other.sid, "0190a0a0-0000-7000-8000-000000000000", "x"]) {
    const refused = await failure(app.auth.revokeSessions({ userId, sessionIds: [sid] }));
    expect(refused).toMatchObject({ code: "SESSION_NOT_FOUND" });
  }
  expect((await app.auth.revokeSessions({ userId, sessionIds: [laptop.sid] })).revoked).toBe(1);
  expect((await listed()).map(({ sessionId }) => sessionId)).toEqual([phone.sid]);
  expect((await app.auth.validateToken({ accessToken: laptop.accessToken })).valid).toBe(false);
  expect((await app.auth.validateToken({ accessToken: other.accessToken })).valid).toBe(true);
});
