import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Client } from "@connectrpc/connect";
import { createDirectClient } from "#infra/rpc/direct.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { UserStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { sessionService } from "./session.ts";
import { userService } from "./user.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function accountsSuite(createTestRepo: CreateTestRepo): void {
  let nowMs = 0;
  let repo: TestRepo;
  let users: Client<typeof UserService>;
  let sessions: Client<typeof SessionService>;

  /** What the promise rejects with; undefined when it does not. */
  const failure = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  beforeEach(async () => {
    nowMs = Date.now();
    repo = await createTestRepo({ clock: () => nowMs });
    const errors = { errors: connectErrors };
    users = createDirectClient(UserService, userService(repo.context), errors);
    sessions = createDirectClient(SessionService, sessionService(repo.context), errors);
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  const hash = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
  const claims = (jti: string): string => JSON.stringify({ jti, exp: Math.floor(nowMs / 1000) + 3600 });
  async function createUser(username: string) {
    const { user } = await users.createUser({ username, passwordHash: "!" });
    if (!user) throw new Error("no user");
    return user;
  }
  async function open(userId: string, token: string) {
    const session = {
      id: Bun.randomUUIDv7(),
      userId,
      deviceId: "phone",
      expiresAt: BigInt(Math.floor(nowMs / 1000) + 3600),
    };
    await sessions.createSession({ session, refreshHash: hash(token), refreshClaims: claims(token) });
    return session.id;
  }

  test("users: made, found by id and name, changed by mask", async () => {
    const alice = await createUser("Alice");
    expect(alice).toMatchObject({ username: "Alice", isGuest: false, status: UserStatus.NORMAL, avatarUrl: "" });
    expect((await users.getUserByUsername({ username: "aLICE" })).user).toEqual(alice);
    expect((await users.getUsers({ userIds: [alice.id, "7"] })).users).toEqual([alice]);
    const update = async (change: object) => (await users.updateUser({ userId: alice.id, ...change })).user;
    expect(await update({ avatarUrl: "https://example.com/a" })).toMatchObject({ avatarUrl: "https://example.com/a" });
    expect(await update({ status: UserStatus.DISABLED })).toMatchObject({
      status: UserStatus.DISABLED,
      avatarUrl: "https://example.com/a",
    });
    expect(await update({ avatarUrl: "", updateMask: ["avatar_url"] })).toMatchObject({
      avatarUrl: "",
      status: UserStatus.DISABLED,
    });
    expect(await update({ status: UserStatus.NORMAL, updateMask: ["avatar_url"] })).toMatchObject({
      status: UserStatus.DISABLED,
    });
    const { user, fromCache } = await users.getUser({ userId: alice.id });
    expect(user).toMatchObject({ status: UserStatus.DISABLED });
    expect(fromCache).toBe(false);
    expect((await users.getUser({ userId: alice.id })).fromCache).toBe(true);
  });

  test("40 §7: of upgrades at the same time one makes the guest an account, the others are NOT_GUEST", async () => {
    const { user: guest } = await users.createUser({ isGuest: true });
    const userId = guest?.id ?? "";
    const updateMask = ["username", "password_hash", "is_guest"];
    const upgrade = (username: string) =>
      users.updateUser({ userId, username, passwordHash: `!${username}`, isGuest: false, updateMask });
    const answers = await Promise.all(["one", "two", "three"].map((name) => upgrade(name).catch((error) => error)));
    const done = answers.flatMap(({ user }) => user ?? []);
    expect(answers.flatMap(({ code }) => code ?? [])).toEqual(["NOT_GUEST", "NOT_GUEST"]);
    expect((await users.getUser({ userId })).user).toEqual(done[0]);
    expect(done[0]).toMatchObject({ isGuest: false });
    expect(await failure(users.updateUser({ userId: "7", isGuest: false, updateMask }))).toMatchObject({
      code: "USER_NOT_FOUND",
    });
  });

  test("users: the documented errors", async () => {
    const alice = await createUser("alice");
    await createUser("bob");
    const codes = async (calls: readonly Promise<unknown>[]) =>
      (await Promise.all(calls.map(failure))).map((error) => (error as { code?: string }).code);
    expect(
      await codes([
        users.createUser({ username: "ALICE", passwordHash: "!" }),
        users.updateUser({ userId: alice.id, username: "Bob" }),
        users.getUser({ userId: "7" }),
        users.getUserByUsername({ username: "' OR 1=1 --" }),
        users.updateUser({ userId: "7", avatarUrl: "x" }),
      ]),
    ).toEqual(["USER_ALREADY_EXISTS", "USER_ALREADY_EXISTS", "USER_NOT_FOUND", "USER_NOT_FOUND", "USER_NOT_FOUND"]);
    const invalid = [
      users.createUser({ username: "", passwordHash: "!" }),
      users.createUser({ username: "carol", passwordHash: "" }),
      users.getUser({ userId: "x" }),
      users.getUser({ userId: "9223372036854775808" }),
      users.getUsers({ userIds: Array(1001).fill("7") }),
      users.searchUsersByUsername({ query: "" }),
      users.searchUsersByUsername({ query: "x".repeat(51) }),
    ];
    expect(new Set(await codes(invalid))).toEqual(new Set(["INVALID_PARAMETER"]));
  });

  test("sessions: rotation answers the stored successor when it is repeated", async () => {
    const { id } = await createUser("alice");
    const sid = await open(id, "r1");
    const rotate = (next: string) =>
      sessions.rotateRefreshToken({
        oldHash: hash("r1"),
        newHash: hash(next),
        newClaims: claims(next),
        deviceId: "phone",
      });
    expect(await rotate("r2")).toMatchObject({
      replayed: false,
      refreshClaims: claims("r2"),
      session: { id: sid, userId: id },
    });
    expect(await rotate("r3")).toMatchObject({ replayed: true, refreshClaims: claims("r2") });
    const stored = claims("r2");
    nowMs += 30_001;
    expect(stored).not.toBe(claims("r2"));
    expect(await failure(rotate("r4"))).toMatchObject({ code: "TOKEN_REUSED" });
    expect(await failure(rotate("r5"))).toMatchObject({ code: "INVALID_TOKEN" });
    expect(await sessions.isTokenRevoked({ tokenHash: hash("access"), sid })).toMatchObject({ revoked: true });
  });

  test("sessions: listed, revoked, asked for", async () => {
    const { id } = await createUser("alice");
    const [a, b] = [await open(id, "a"), await open(id, "b")];
    const listed = async () =>
      (await sessions.listSessions({ userId: id })).sessions.map((session) => session.id).sort();
    expect(await listed()).toEqual([a, b].sort());
    expect(await sessions.revokeSessions({ userId: id, sessionIds: [a] })).toMatchObject({
      revoked: 1,
      sessionIds: [a],
    });
    expect(await sessions.revokeSessions({ userId: id, sessionIds: [a] })).toMatchObject({
      revoked: 0,
      sessionIds: [],
    });
    expect(await listed()).toEqual([b]);
    await sessions.blacklistToken({ tokenHash: hash("t"), sid: b, expiresAt: BigInt(Math.floor(nowMs / 1000) + 60) });
    expect((await sessions.isTokenRevoked({ tokenHash: hash("t"), sid: b })).revoked).toBe(true);
    expect((await sessions.isTokenRevoked({ tokenHash: hash("u"), sid: b })).revoked).toBe(false);
    expect((await sessions.isTokenRevoked({ tokenHash: hash("u"), sid: "no sid" })).revoked).toBe(true);
  });

  test("sessions: TOKEN_EXPIRED, INVALID_TOKEN, INVALID_PARAMETER", async () => {
    const { id } = await createUser("alice");
    await open(id, "r1");
    const rotation = { oldHash: hash("r1"), newHash: hash("r2"), newClaims: claims("r2"), deviceId: "phone" };
    const rotate = (change: object) => failure(sessions.rotateRefreshToken({ ...rotation, ...change }));
    expect(await rotate({ oldHash: hash("other") })).toMatchObject({ code: "INVALID_TOKEN" });
    for (const change of [
      { oldHash: "' OR 1=1 --" },
      { newHash: "" },
      { newClaims: "{" },
      { newClaims: "null" },
      { newClaims: '{"exp":"soon"}' },
      { newClaims: `{"exp":1,"x":"${"x".repeat(5000)}"}` },
      { deviceId: "x".repeat(65) },
    ]) {
      expect(await rotate(change)).toMatchObject({ code: "INVALID_PARAMETER" });
    }
    nowMs += 3_600_000;
    expect(await rotate({})).toMatchObject({ code: "TOKEN_EXPIRED" });
  });
}
