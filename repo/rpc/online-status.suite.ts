import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Client } from "@connectrpc/connect";
import { createDirectClient } from "#infra/rpc/direct.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { MultiDevice, OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { createSessions, type SessionStore } from "../store/session.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { onlineStatusService } from "./online-status.ts";

/** Runs on every database, with presence in this process: `createTestRepo` says on which. */
export function onlineStatusSuite(createTestRepo: CreateTestRepo): void {
  const gateway = { gatewayId: "gateway-1", incarnation: "019a0000-0000-7000-8000-000000000001" };
  let nowMs = 0;
  let repo: TestRepo;
  let sessions: SessionStore;
  let status: Client<typeof OnlineStatusService>;

  /** What the promise rejects with; undefined when it does not. */
  const failure = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  beforeEach(async () => {
    nowMs = Date.now();
    repo = await createTestRepo({ clock: () => nowMs });
    sessions = createSessions(repo.context);
    status = createDirectClient(OnlineStatusService, onlineStatusService(repo.context), { errors: connectErrors });
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  async function signIn(userId: bigint): Promise<string> {
    const id = Bun.randomUUIDv7();
    const device = { deviceId: "", platform: "", clientInfo: "", ip: "" };
    const refreshHash = id.replaceAll("-", "").padEnd(64, "0");
    await sessions.create({ id, userId, ...device, refreshHash, refreshClaims: "{}", expiresAtMs: nowMs + 1e9 });
    return id;
  }
  async function item(sessionId: string) {
    const userId = await repo.addUser();
    return { ...gateway, userId: userId.toString(), sessionId, sid: await signIn(userId) };
  }

  test("sessions come online in one batch, each with its own answer", async () => {
    const [a, b] = [await item("a"), await item("b")];
    const { results } = await status.setUsersOnline({
      items: [a, { ...b, sid: Bun.randomUUIDv7() }, { ...b, sessionId: "c" }],
    });
    expect(results.map((one) => [one.success, one.firstSession, one.errorCode])).toEqual([
      [true, true, ""],
      [false, false, "INVALID_TOKEN"],
      [true, true, ""],
    ]);
    const { statuses } = await status.getUsersOnlineStatus({ userIds: [b.userId, "7", a.userId] });
    expect(statuses.map((one) => [one.isOnline, one.sessions.map((session) => session.sessionId)])).toEqual([
      [true, ["c"]],
      [false, []],
      [true, ["a"]],
    ]);
    expect(statuses[0]).toMatchObject({
      userId: b.userId,
      gatewayId: "gateway-1",
      lastSeen: BigInt(Math.floor(nowMs / 1000)),
    });
  });

  test("20 §2: the policy of the request is kept, and who is evicted is told", async () => {
    const a = await item("a");
    const policy = { multiDevice: MultiDevice.SINGLE, maxSessions: 1 };
    await status.setUserOnline({ ...a, policy });
    const second = await status.setUserOnline({ ...a, sessionId: "b", policy });
    expect(second).toMatchObject({ success: true, firstSession: false });
    expect(second.evicted.map(({ $typeName: _, ...rest }) => rest)).toEqual([{ sessionId: "a", ...gateway }]);
    expect(second.status?.sessions.map((one) => one.sessionId)).toEqual(["b"]);
  });

  test("setUserOnline: INVALID_TOKEN for a revoked session, USER_DISABLED for a disabled account", async () => {
    const a = await item("a");
    await sessions.revoke(BigInt(a.userId), []);
    expect(await failure(status.setUserOnline(a))).toMatchObject({ code: "INVALID_TOKEN" });
    const disabled = await repo.addUser({ status: 1 });
    const request = { ...a, userId: disabled.toString(), sid: await signIn(disabled) };
    expect(await failure(status.setUserOnline(request))).toMatchObject({ code: "USER_DISABLED" });
    expect((await status.getUserOnlineStatus({ userId: a.userId })).status?.isOnline).toBe(false);
  });

  test("the last session that leaves is told", async () => {
    const a = await item("a");
    await status.setUsersOnline({ items: [a, { ...a, sessionId: "b" }] });
    const leave = async (...ids: string[]) =>
      (await status.setUsersOffline({ items: ids.map((sessionId) => ({ ...a, sessionId })) })).results.map(
        (one) => one.lastSession,
      );
    expect(await leave("a", "b")).toEqual([false, true]);
    const { status: after } = await status.getUserOnlineStatus({ userId: a.userId });
    expect(after).toMatchObject({ isOnline: false, lastSeen: BigInt(Math.floor(nowMs / 1000)) });
  });

  test("the heartbeat names what presence does not know, and a gateway that was replaced", async () => {
    const a = await item("a");
    const sessionsOf = [{ userId: a.userId, sessionId: "a", sid: a.sid }];
    expect((await status.updateHeartbeats({ ...gateway, sessions: sessionsOf })).unknownSessionIds).toEqual(["a"]);
    await status.setUserOnline(a);
    expect((await status.updateHeartbeats({ ...gateway, sessions: sessionsOf })).unknownSessionIds).toEqual([]);
    expect(await status.updateHeartbeat({ userId: a.userId, gatewayId: "gateway-1" })).toMatchObject({ success: true });
    const later = { ...gateway, incarnation: "019b0000-0000-7000-8000-000000000001" };
    expect((await status.updateHeartbeats({ ...later, sessions: [] })).replaced).toBe(false);
    expect((await status.updateHeartbeats({ ...gateway, sessions: sessionsOf })).replaced).toBe(true);
  });

  test("20 §1: while the cache is away sessions go on unregistered, revocations are seen all the same", async () => {
    const [a, b] = [await item("a"), await item("b")];
    await repo.context.cache[Symbol.asyncDispose]();
    await sessions.revoke(BigInt(b.userId), []);
    const { results } = await status.setUsersOnline({ items: [a, b] });
    expect(results.map((one) => one.errorCode)).toEqual(["SERVICE_UNAVAILABLE", "INVALID_TOKEN"]);
    const beat = await status.updateHeartbeats({
      ...gateway,
      sessions: [a, b].map(({ userId, sessionId, sid }) => ({ userId, sessionId, sid })),
    });
    expect(beat).toMatchObject({ unknownSessionIds: [], revokedSessionIds: ["b"], replaced: false });
    expect((await status.setUsersOffline({ items: [a] })).results).toMatchObject([
      { success: false, lastSession: false },
    ]);
    expect(await failure(status.getUserOnlineStatus({ userId: a.userId }))).toMatchObject({
      code: "SERVICE_UNAVAILABLE",
    });
  });

  test("cleanup names the users who are offline now", async () => {
    const a = await item("a");
    await status.setUserOnline(a);
    nowMs += 301_000;
    const expiredBefore = BigInt(Math.floor(nowMs / 1000) - 300);
    expect((await status.cleanupExpiredStatus({ expiredBefore, batchSize: 10 })).offlineUserIds).toEqual([a.userId]);
  });

  test("G4, INVALID_PARAMETER: more than a batch may hold, ids that are none", async () => {
    const a = await item("a");
    const refused = [
      status.setUsersOnline({ items: Array(501).fill(a) }),
      status.setUsersOffline({ items: Array(501).fill(a) }),
      status.updateHeartbeats({
        ...gateway,
        sessions: Array(5001).fill({ userId: a.userId, sessionId: "a", sid: a.sid }),
      }),
      status.getUsersOnlineStatus({ userIds: Array(1001).fill(a.userId) }),
      status.setUsersOnline({ items: [{ ...a, userId: "1 OR 1=1" }] }),
      status.setUsersOnline({ items: [{ ...a, gatewayId: "g|1;" }] }),
      status.setUsersOnline({ items: [{ ...a, incarnation: "" }] }),
      status.setUsersOnline({ items: [{ ...a, sessionId: "x".repeat(65) }] }),
      status.getUserOnlineStatus({ userId: "-1" }),
    ];
    for (const call of refused) expect(await failure(call)).toMatchObject({ code: "INVALID_PARAMETER" });
  });
}
