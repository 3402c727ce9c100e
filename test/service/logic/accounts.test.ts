import { afterEach, beforeEach, expect, test } from "bun:test";
import { UserStatus } from "../../../proto/gen/gochat/common/v1/user_pb.ts";
import type { BroadcastRecord } from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { type Accounts, openAccounts } from "./accounts-fixture.ts";

/** What the promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const password = "correct horse";
const ip = "192.0.2.1";
const hour = 3_600_000;
let app: Accounts;

beforeEach(async () => {
  app = await openAccounts();
});
afterEach(() => app[Symbol.asyncDispose]());

async function register(username: string) {
  const { user } = await app.auth.register({ username, password });
  if (!user) throw new Error("no user");
  return user;
}
const login = (username: string, secret = password, deviceId = "phone") =>
  app.auth.login({ username, password: secret, deviceId, ip });
const refresh = (refreshToken: string, deviceId = "phone") => app.auth.refreshToken({ refreshToken, deviceId });
const validate = (accessToken: string) => app.auth.validateToken({ accessToken });

/** sids of the revocations that gateways are told of, as they come */
async function revocations(): Promise<string[]> {
  const sids: string[] = [];
  const take = (record: BroadcastRecord): void => {
    const control = record.body.case === "control" ? record.body.value.control : undefined;
    if (control?.case === "sessionsRevoked") sids.push(...control.value.sids);
  };
  const options = { group: "test", from: "end", commits: false, recordsMax: 10, bytesMax: 1_000_000 } as const;
  await app.mq.subscribe(topics.broadcast, options, async ({ records }) => {
    for (const record of records) take(record.value);
    return { done: records.length };
  });
  return sids;
}
async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 1000 && !condition(); n++) await Bun.sleep(1);
  expect(condition()).toBe(true);
}

test("register, then sign in: the tokens are the user's", async () => {
  const user = await register("Alice");
  expect(user).toMatchObject({ username: "Alice", isGuest: false, status: UserStatus.NORMAL });
  const tokens = await login("alice");
  expect(tokens.user).toEqual(user);
  expect(tokens.expiresIn).toBe(BigInt(Math.floor(app.now() / 1000) + 86_400));
  expect(await validate(tokens.accessToken)).toMatchObject({
    valid: true,
    user,
    isGuest: false,
    expiresAt: tokens.expiresIn,
    errorCode: "",
  });
});

test("USER_ALREADY_EXISTS, INVALID_USERNAME, WEAK_PASSWORD, INVALID_PARAMETER: nothing is stored", async () => {
  await register("alice");
  const code = (wanted: object) =>
    app.auth.register({ username: "bob", password, ...wanted }).catch((error) => error.code);
  expect(await code({ username: "ALICE" })).toBe("USER_ALREADY_EXISTS");
  expect(await code({ username: "b" })).toBe("INVALID_USERNAME");
  expect(await code({ username: "guest_1234" })).toBe("INVALID_USERNAME");
  expect(await code({ username: "bob'; DROP TABLE users;--" })).toBe("INVALID_USERNAME");
  expect(await code({ password: "12345" })).toBe("WEAK_PASSWORD");
  expect(await code({ password: "x".repeat(51) })).toBe("WEAK_PASSWORD");
  expect(await code({ avatarUrl: "javascript:alert(1)" })).toBe("INVALID_PARAMETER");
  expect(await code({ avatarUrl: `https://example.com/${"x".repeat(250)}` })).toBe("INVALID_PARAMETER");
  expect(await failure(app.repo.user.getUserByUsername({ username: "bob" }))).toMatchObject({ code: "USER_NOT_FOUND" });
});

test("a name that is registered twice at once belongs to one", async () => {
  const both = await Promise.allSettled([register("alice"), register("Alice")]);
  const refused = both.filter((one) => one.status === "rejected");
  expect(refused).toHaveLength(1);
  expect(refused[0]?.reason).toMatchObject({ code: "USER_ALREADY_EXISTS" });
});

test("AUTH_INVALID_CREDENTIALS: unknown name and wrong password cannot be told apart", async () => {
  await register("alice");
  const answer = (username: string, secret: string) =>
    login(username, secret).catch((error) => ({ code: error.code, message: error.message, details: error.details }));
  const wrong = await answer("alice", "wrong password");
  expect(wrong).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
  for (const [name, secret] of [
    ["nobody", password],
    ["alice' OR '1'='1", password],
    ["alice", "' OR '1'='1"],
    ["x".repeat(10_000), password],
    ["al\0ice", password],
    ["alice", "x".repeat(10_000)],
  ] as const) {
    expect(await answer(name, secret)).toEqual(wrong);
  }
});

test("an unknown name takes the time of a wrong password", async () => {
  await register("alice");
  await failure(login("nobody"));
  const timed = async (name: string): Promise<number> => {
    const start = performance.now();
    expect(await failure(login(name, "wrong password"))).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
    return performance.now() - start;
  };
  // Without the hashing an answer takes well under a millisecond, with it tens: a wide margin on a busy machine.
  for (const name of ["alice", "nobody", "no' name"]) expect(await timed(name)).toBeGreaterThan(5);
});

test("INVALID_PARAMETER: nothing given, too long, not storable", async () => {
  await register("alice");
  const code = (change: object) =>
    app.auth.login({ username: "alice", password, ip, ...change }).catch((error) => error.code);
  for (const change of [
    { username: "" },
    { password: "" },
    { deviceId: "x".repeat(65) },
    { clientInfo: "x".repeat(201) },
    { clientInfo: "a\0b" },
    { deviceId: "\ud800" },
  ]) {
    expect(await code(change)).toBe("INVALID_PARAMETER");
  }
});

test("LOGIN_LOCKED: after 5 failures from one address, there only, for the rest of 300 s", async () => {
  await register("alice");
  for (let n = 0; n < 5; n++)
    expect(await failure(login("alice", "wrong password"))).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
  expect(await failure(login("alice"))).toMatchObject({ code: "LOGIN_LOCKED", details: { retryAfterMs: 300_000 } });
  const elsewhere = await app.auth.login({ username: "alice", password, ip: "198.51.100.7" });
  expect(elsewhere.user?.username).toBe("alice");
  app.advance(300_000);
  expect((await login("alice")).user?.username).toBe("alice");
});

test("USER_DISABLED: told only to those who know the password; tokens stop working", async () => {
  const user = await register("alice");
  const tokens = await login("alice");
  await app.repo.user.updateUser({ userId: user.id, status: UserStatus.DISABLED });
  expect(await failure(login("alice"))).toMatchObject({ code: "USER_DISABLED" });
  expect(await failure(login("alice", "wrong password"))).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
  expect(await failure(refresh(tokens.refreshToken))).toMatchObject({ code: "USER_DISABLED" });
  expect(await validate(tokens.accessToken)).toMatchObject({ valid: false, errorCode: "USER_DISABLED" });
});

test("guests: their own account, shorter tokens, no password; GUEST_DISABLED by the world's settings", async () => {
  const tokens = await app.auth.guestLogin({ deviceId: "phone" });
  expect(tokens.user?.isGuest).toBe(true);
  expect(tokens.user?.username).toMatch(/^guest_[0-9a-f]{8}$/);
  expect(tokens.expiresIn).toBe(BigInt(Math.floor(app.now() / 1000) + 3_600));
  expect(await validate(tokens.accessToken)).toMatchObject({ valid: true, isGuest: true });
  expect(await failure(login(tokens.user?.username ?? "", "!"))).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
  expect((await refresh(tokens.refreshToken)).expiresIn).toBe(tokens.expiresIn);
  app.advance(24 * hour);
  expect(await failure(refresh(tokens.refreshToken))).toMatchObject({ code: "TOKEN_EXPIRED" });

  await app.setWorldSettings({ world_settings: { guest_allowed: false } });
  expect(await failure(app.auth.guestLogin({}))).toMatchObject({ code: "GUEST_DISABLED" });
  await app.setWorldSettings({ world_settings: { guest_allowed: true } });
  expect((await app.auth.guestLogin({})).accessToken).not.toBe("");
});

test("refresh: the token is replaced, and within 30 s the same device gets the same successor, byte for byte", async () => {
  await register("alice");
  const first = await login("alice");
  app.advance(5_000);
  const second = await refresh(first.refreshToken);
  expect(second.refreshToken).not.toBe(first.refreshToken);
  app.advance(30_000);
  expect(await refresh(first.refreshToken)).toEqual(second);
  expect(await validate(second.accessToken)).toMatchObject({ valid: true });
  const third = await refresh(second.refreshToken);
  expect(third.refreshToken).not.toBe(second.refreshToken);
});

test("refresh sent twice at once gives one successor", async () => {
  await register("alice");
  const { refreshToken } = await login("alice");
  const [a, b, c] = await Promise.all([refresh(refreshToken), refresh(refreshToken), refresh(refreshToken)]);
  expect(b).toEqual(a);
  expect(c).toEqual(a);
});

test("G7, TOKEN_REUSED: a refresh token used again later ends the session and its sockets", async () => {
  await register("alice");
  const told = await revocations();
  const first = await login("alice");
  const second = await refresh(first.refreshToken);
  const { sessionId } = await validate(second.accessToken);
  app.advance(30_001);
  expect(await failure(refresh(first.refreshToken))).toMatchObject({ code: "TOKEN_REUSED" });
  expect(await validate(second.accessToken)).toMatchObject({ valid: false, errorCode: "INVALID_TOKEN" });
  expect(await failure(refresh(second.refreshToken))).toMatchObject({ code: "INVALID_TOKEN" });
  expect(await failure(refresh(first.refreshToken))).toMatchObject({ code: "INVALID_TOKEN" });
  await until(() => told.length > 0);
  expect(told).toEqual([sessionId]);
});

test("TOKEN_REUSED: by another device at once, and for tokens older than the last two", async () => {
  await register("alice");
  const stolen = await login("alice");
  await refresh(stolen.refreshToken);
  expect(await failure(refresh(stolen.refreshToken, "thief"))).toMatchObject({ code: "TOKEN_REUSED" });

  const first = await login("alice");
  const third = await refresh((await refresh(first.refreshToken)).refreshToken);
  expect(await failure(refresh(first.refreshToken))).toMatchObject({ code: "TOKEN_REUSED" });
  expect(await failure(refresh(third.refreshToken))).toMatchObject({ code: "INVALID_TOKEN" });
});

test("INVALID_TOKEN: what is no refresh token of ours", async () => {
  await register("alice");
  const tokens = await login("alice");
  for (const token of ["", "x", "a.b.c", tokens.accessToken, `${tokens.refreshToken}x`, "' OR 1=1 --"]) {
    expect(await failure(refresh(token))).toMatchObject({ code: "INVALID_TOKEN" });
  }
  expect((await refresh(tokens.refreshToken)).accessToken).not.toBe("");
});

test("TOKEN_EXPIRED: after 30 days without a refresh", async () => {
  await register("alice");
  const tokens = await login("alice");
  app.advance(24 * hour);
  expect(await validate(tokens.accessToken)).toMatchObject({ valid: false, errorCode: "TOKEN_EXPIRED" });
  app.advance(29 * 24 * hour);
  expect(await failure(refresh(tokens.refreshToken))).toMatchObject({ code: "TOKEN_EXPIRED" });
});

test("logout is seen by ValidateToken at once, also after an answer was remembered, and tells the gateways", async () => {
  const user = await register("alice");
  const told = await revocations();
  const [tokens, other] = [await login("alice"), await login("alice", password, "laptop")];
  const before = await validate(tokens.accessToken);
  expect(before.valid).toBe(true);
  const request = { userId: user.id, accessToken: tokens.accessToken, sessionId: before.sessionId };
  expect(await app.auth.logout(request)).toMatchObject({ success: true });
  expect(await validate(tokens.accessToken)).toMatchObject({ valid: false, errorCode: "INVALID_TOKEN" });
  expect(await failure(refresh(tokens.refreshToken))).toMatchObject({ code: "INVALID_TOKEN" });
  expect((await validate(other.accessToken)).valid).toBe(true);
  await until(() => told.length > 0);
  expect(told).toEqual([before.sessionId]);
  expect(await app.auth.logout(request)).toMatchObject({ success: true });
});

test("G7: a sign-out holds when the cache loses it", async () => {
  const user = await register("alice");
  const tokens = await login("alice");
  await app.auth.logout({ userId: user.id, accessToken: tokens.accessToken });
  app.cache.wipe();
  expect(await validate(tokens.accessToken)).toMatchObject({ valid: false, errorCode: "INVALID_TOKEN" });
  await app.cache[Symbol.asyncDispose]();
  expect(await validate(tokens.accessToken)).toMatchObject({ valid: false, errorCode: "INVALID_TOKEN" });
});

test("with the cache away people sign in, refresh, are checked and sign out", async () => {
  const user = await register("alice");
  await app.cache[Symbol.asyncDispose]();
  const tokens = await login("alice");
  const next = await refresh(tokens.refreshToken);
  expect((await validate(next.accessToken)).valid).toBe(true);
  await app.auth.logout({ userId: user.id, accessToken: next.accessToken });
  expect((await validate(next.accessToken)).valid).toBe(false);
});

test("logout of all devices, and of nobody else's", async () => {
  const [alice, bob] = [await register("alice"), await register("bob")];
  const mine = [await login("alice"), await login("alice", password, "laptop")];
  const others = await login("bob");
  await app.auth.logout({
    userId: bob.id,
    accessToken: mine[0]?.accessToken ?? "",
    refreshToken: mine[1]?.refreshToken ?? "",
  });
  for (const { accessToken } of mine) expect((await validate(accessToken)).valid).toBe(true);
  await app.auth.logout({ userId: alice.id, accessToken: mine[0]?.accessToken ?? "", allDevices: true });
  for (const { accessToken } of mine) expect((await validate(accessToken)).valid).toBe(false);
  expect((await validate(others.accessToken)).valid).toBe(true);
});

test("ValidateToken never errors for a bad token", async () => {
  await register("alice");
  const { refreshToken } = await login("alice");
  for (const token of ["", "x", "a.b.c", refreshToken, "x".repeat(100_000), "' OR 1=1 --"]) {
    expect(await validate(token)).toMatchObject({ valid: false, errorCode: "INVALID_TOKEN" });
  }
});

test("GetKeySet shows the public key that tokens name", async () => {
  await register("alice");
  const { accessToken } = await login("alice");
  const { kid } = JSON.parse(Buffer.from(accessToken.split(".")[0] ?? "", "base64url").toString());
  const { jwks, maxAge } = await app.auth.getKeySet({});
  expect(JSON.parse(jwks).keys).toMatchObject([{ kid, kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" }]);
  expect(jwks).not.toContain('"d"');
  expect(maxAge).toBe(300n);
});

test("profile: read, change of the avatar, guests may not, unknown users", async () => {
  const alice = await register("alice");
  const changed = await app.user.updateProfile({ userId: alice.id, avatarUrl: "https://example.com/a.png" });
  expect(changed.user?.avatarUrl).toBe("https://example.com/a.png");
  expect((await app.user.getProfile({ userId: alice.id })).user).toEqual(changed.user);
  expect((await app.user.updateProfile({ userId: alice.id })).user).toEqual(changed.user);
  expect((await app.user.updateProfile({ userId: alice.id, updateMask: ["username"] })).user).toEqual(changed.user);
  const cleared = await app.user.updateProfile({ userId: alice.id, updateMask: ["avatar_url"] });
  expect(cleared.user?.avatarUrl).toBe("");
  expect(await failure(app.user.updateProfile({ userId: alice.id, avatarUrl: "ftp://x" }))).toMatchObject({
    code: "INVALID_PARAMETER",
  });
  const guest = (await app.auth.guestLogin({})).user?.id ?? "";
  expect(
    await failure(app.user.updateProfile({ userId: guest, avatarUrl: "https://example.com/a.png" })),
  ).toMatchObject({ code: "GUEST_FORBIDDEN" });
  expect((await app.user.getProfile({ userId: alice.id, targetId: guest })).user?.isGuest).toBe(true);
  expect(await failure(app.user.getProfile({ userId: alice.id, targetId: "7" }))).toMatchObject({
    code: "USER_NOT_FOUND",
  });
  expect(await failure(app.user.getProfile({ userId: alice.id, targetId: "7 OR 1=1" }))).toMatchObject({
    code: "INVALID_PARAMETER",
  });
});

test("search: not for guests, without the caller, bounded", async () => {
  const alice = await register("alice");
  for (const name of ["alicia", "malice", "bob"]) await register(name);
  const search = async (query: string, limit = 0, userId = alice.id) =>
    (await app.friend.searchUsers({ userId, query, limit })).users.map((user) => user.username);
  expect(await search("ALIC")).toEqual(["alicia", "malice"]);
  expect(await search("ali", 1)).toEqual(["alicia"]);
  expect(await search("'; DROP TABLE users; --")).toEqual([]);
  for (const [query, limit] of [
    ["", 0],
    ["   ", 0],
    ["x".repeat(51), 0],
    ["ali", 21],
  ] as const) {
    expect(await failure(search(query, limit))).toMatchObject({ code: "INVALID_PARAMETER" });
  }
  const guest = (await app.auth.guestLogin({})).user?.id ?? "";
  expect(await failure(search("ali", 0, guest))).toMatchObject({ code: "GUEST_FORBIDDEN" });
});

test("presence refuses a revoked session and a disabled account, at arrival and at the heartbeat", async () => {
  const [alice, bob] = [await register("alice"), await register("bob")];
  const sids = await Promise.all(
    [login("alice"), login("bob")].map(async (one) => (await validate((await one).accessToken)).sessionId),
  );
  const gateway = { gatewayId: "gateway-1", incarnation: Bun.randomUUIDv7() };
  const items = [alice, bob].map((user, n) => ({
    ...gateway,
    userId: user.id,
    sessionId: `s${n}`,
    sid: sids[n] ?? "",
  }));
  const online = async () =>
    (await app.repo.onlineStatus.setUsersOnline({ items })).results.map((one) => one.errorCode);
  const sessions = items.map(({ userId, sessionId, sid }) => ({ userId, sessionId, sid }));
  const heartbeat = () => app.repo.onlineStatus.updateHeartbeats({ ...gateway, sessions });

  expect(await online()).toEqual(["", ""]);
  expect(await heartbeat()).toMatchObject({
    unknownSessionIds: [],
    revokedSessionIds: [],
    disabledSessionIds: [],
    replaced: false,
  });
  await app.auth.logout({ userId: alice.id, sessionId: sids[0] ?? "" });
  await app.repo.user.updateUser({ userId: bob.id, status: UserStatus.DISABLED });
  expect(await heartbeat()).toMatchObject({
    unknownSessionIds: [],
    revokedSessionIds: ["s0"],
    disabledSessionIds: ["s1"],
  });
  expect(await online()).toEqual(["INVALID_TOKEN", "USER_DISABLED"]);
});
