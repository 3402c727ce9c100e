import { afterEach, beforeEach, expect, test } from "bun:test";
import type { RepoContext } from "../context.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { blacklistKey, createSessions, revokedKey, type SessionStore } from "./session.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function sessionStoreSuite(createTestRepo: CreateTestRepo): void {
  const hash = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
  const day = 86_400_000;
  let nowMs = 0;
  let repo: TestRepo;
  let context: RepoContext;
  let sessions: SessionStore;

  beforeEach(async () => {
    nowMs = Date.now();
    repo = await createTestRepo({ clock: () => nowMs });
    context = repo.context;
    sessions = createSessions(context);
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  async function open(token: string, options: { userId?: bigint; deviceId?: string; lifeMs?: number } = {}) {
    return sessions.create({
      id: Bun.randomUUIDv7(),
      userId: options.userId ?? 1n,
      deviceId: options.deviceId ?? "phone",
      platform: "ios",
      clientInfo: "app 1.0",
      ip: "192.0.2.1",
      refreshHash: hash(token),
      refreshClaims: `{"jti":"${token}"}`,
      expiresAtMs: nowMs + (options.lifeMs ?? 30 * day),
    });
  }
  const rotate = (old: string, next: string, deviceId = "phone") =>
    sessions.rotate({
      of: { hash: hash(old) },
      newHash: hash(next),
      newClaims: `{"jti":"${next}"}`,
      deviceId,
      expiresAtMs: nowMs + 30 * day,
    });
  const revoked = (id: string) => sessions.isRevoked(hash("access"), id);

  test("spec 10 §3: rotation replaces the refresh token", async () => {
    const session = await open("r1");
    const result = await rotate("r1", "r2");
    expect(result).toMatchObject({
      is: "rotated",
      session: { id: session.id, refreshHash: hash("r2"), prevRefreshHash: hash("r1"), refreshCount: 1 },
    });
    expect(await rotate("r2", "r3")).toMatchObject({ is: "rotated", session: { refreshCount: 2 } });
  });

  test("spec 10 §3: again within 30 s by the same device gives the stored successor", async () => {
    await open("r1");
    await rotate("r1", "r2");
    nowMs += 30_000;
    expect(await rotate("r1", "other")).toMatchObject({ is: "repeated", session: { refreshClaims: '{"jti":"r2"}' } });
    expect(await rotate("r2", "r3")).toMatchObject({ is: "rotated" });
  });

  test("two rotations at once: one rotates, the other repeats it", async () => {
    await open("r1");
    const [a, b] = await Promise.all([rotate("r1", "a"), rotate("r1", "b")]);
    // Which comes first is the database's choice.
    expect([a.is, b.is].sort()).toEqual(["repeated", "rotated"]);
    if (!("session" in a && "session" in b)) throw new Error("unreachable");
    expect(b.session.refreshClaims).toBe(a.session.refreshClaims);
  });

  test("TOKEN_REUSED: used again after 30 s, the session is revoked with its present token", async () => {
    const session = await open("r1");
    await rotate("r1", "r2");
    nowMs += 30_001;
    expect(await rotate("r1", "r3")).toMatchObject({ is: "reused", session: { id: session.id } });
    expect(await revoked(session.id)).toBe(true);
    expect(await context.cache.get(revokedKey(session.id))).toBe("1");
    expect(await rotate("r2", "r4")).toEqual({ is: "revoked" });
    expect(await rotate("r1", "r5")).toEqual({ is: "revoked" });
  });

  test.each([
    ["phone", "laptop"],
    ["", "laptop"],
  ])("TOKEN_REUSED: used again within 30 s by another device (%p, then %p)", async (first, second) => {
    const session = await open("r1", { deviceId: first });
    await rotate("r1", "r2", first);
    expect((await rotate("r1", "r3", second)).is).toBe("reused");
    expect(await revoked(session.id)).toBe(true);
  });

  test("a present token of a known device that another device brings ends the session too", async () => {
    await open("r1", { deviceId: "phone" });
    expect((await rotate("r1", "r2", "laptop")).is).toBe("reused");
  });

  test("a device that was not named at sign-in is taken from the first rotation that names it", async () => {
    await open("r1", { deviceId: "" });
    expect(await rotate("r1", "r2", "tablet")).toMatchObject({ is: "rotated", session: { deviceId: "tablet" } });
    expect((await rotate("r1", "x", "tablet")).is).toBe("repeated");
    expect((await rotate("r2", "r3", "phone")).is).toBe("reused");
  });

  test("an unknown and an expired token change nothing", async () => {
    const session = await open("r1", { lifeMs: day });
    expect(await rotate("nobody's", "x")).toEqual({ is: "unknown" });
    expect(await rotate("' OR 1=1 --", "x")).toEqual({ is: "unknown" });
    nowMs += day;
    expect(await rotate("r1", "x")).toEqual({ is: "expired" });
    expect(await revoked(session.id)).toBe(false);
  });

  test("revoke: the named ones, only the user's own, all with an empty list, repeating answers none", async () => {
    const [a, b, c] = [await open("a"), await open("b"), await open("c")];
    const other = await open("d", { userId: 2n });
    expect(await sessions.revoke(1n, [a.id, other.id])).toEqual([a.id]);
    expect(await revoked(a.id)).toBe(true);
    expect(await revoked(other.id)).toBe(false);
    expect((await sessions.revoke(1n, [])).sort()).toEqual([b.id, c.id].sort());
    expect(await sessions.revoke(1n, [])).toEqual([]);
    expect(await revoked(other.id)).toBe(false);
  });

  test("spec 10 §3: rows are the truth of a revocation, with the cache wiped or away", async () => {
    const session = await open("r1");
    const alive = await open("r2");
    await sessions.revoke(1n, [session.id]);
    await context.cache.del([revokedKey(session.id)]);
    expect(await revoked(session.id)).toBe(true);
    await context.cache[Symbol.asyncDispose]();
    expect(await revoked(session.id)).toBe(true);
    expect(await revoked(alive.id)).toBe(false);
    expect(await sessions.revoke(1n, [alive.id])).toEqual([alive.id]);
    expect(await revoked(alive.id)).toBe(true);
  });

  test("G7: a session without a row is revoked", async () => {
    expect(await revoked(Bun.randomUUIDv7())).toBe(true);
  });

  test("a blacklisted token is refused until its end", async () => {
    const session = await open("r1");
    await sessions.blacklist(hash("access"), nowMs + 60_000);
    expect(await revoked(session.id)).toBe(true);
    expect(await sessions.isRevoked(hash("another"), session.id)).toBe(false);
    nowMs += 60_000;
    expect(await context.cache.get(blacklistKey(hash("access")))).toBeUndefined();
    await sessions.blacklist(hash("late"), nowMs - 1);
    expect(await context.cache.get(blacklistKey(hash("late")))).toBeUndefined();
  });

  test("list: alive sessions of the user, the newest first; expired rows go with the next sign-in", async () => {
    const short = await open("a", { lifeMs: 1000 });
    nowMs += 10;
    const b = await open("b");
    nowMs += 10;
    const c = await open("c");
    await open("d", { userId: 2n });
    expect((await sessions.list(1n)).map((row) => row.id)).toEqual([c.id, b.id, short.id]);
    await sessions.revoke(1n, [b.id]);
    nowMs += 1000;
    expect((await sessions.list(1n)).map((row) => row.id)).toEqual([c.id]);
    await open("e");
    const rows = await context.db.q.select({ id: context.tables.userSessions.id }).from(context.tables.userSessions);
    expect(rows.map((row) => row.id)).not.toContain(short.id);
  });

  test("findRevoked asks for many at once", async () => {
    const alive = await open("a");
    const ended = await open("b");
    await sessions.revoke(1n, [ended.id]);
    const unknown = Array.from({ length: 2500 }, () => Bun.randomUUIDv7());
    const refused = await sessions.findRevoked([alive.id, ...unknown, ended.id]);
    expect(refused.size).toBe(2501);
    expect(refused.has(alive.id)).toBe(false);
  });
}
