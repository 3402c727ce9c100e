import { afterEach, beforeEach, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { createBulkhead } from "#infra/breaker/bulkhead.ts";
import { run } from "#infra/db/steps.ts";
import type { RepoContext } from "../context.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { joinWorld } from "./membership.ts";
import { createPasswords } from "./password.ts";
import { createUsers, type UserStore, userStatus } from "./user.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function userStoreSuite(createTestRepo: CreateTestRepo): void {
  /** What the promise rejects with; undefined when it does not. */
  const failure = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  const passwords = createPasswords(createBulkhead({ runningMax: 4, waitingMax: 16 }));
  const account = (username: string) => ({ username, passwordHash: "!", avatarUrl: "" });
  let repo: TestRepo;
  let context: RepoContext;
  let users: UserStore;

  beforeEach(async () => {
    repo = await createTestRepo();
    context = repo.context;
    users = createUsers({ ...context, passwords, joinWorld: (tx, id, at) => joinWorld(context, tx, id, at) });
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  async function worldRows(userId: bigint) {
    const { conversationMembers, userReadPointers } = context.tables;
    const [members, pointers] = await Promise.all([
      context.db.q.select().from(conversationMembers).where(eq(conversationMembers.userId, userId)),
      context.db.q.select().from(userReadPointers).where(eq(userReadPointers.userId, userId)),
    ]);
    return { members, pointers };
  }

  test("spec 40 §7: an account comes with its world membership and a pointer at the newest row", async () => {
    const { conversations } = context.tables;
    await context.db.transaction(({ q }) =>
      run(q.update(conversations).set({ lastSeqId: 41n, lastMessageNo: 40n }).where(eq(conversations.id, "world"))),
    );
    const user = await users.create(account("alice"));
    expect(user).toMatchObject({ username: "alice", isGuest: false, status: userStatus.normal, avatarUrl: null });
    const { members, pointers } = await worldRows(user.id);
    expect(members).toMatchObject([{ conversationId: "world", role: 1 }]);
    expect(pointers).toMatchObject([{ conversationId: "world", lastReadSeqId: 41n, lastReadMessageNo: 40n }]);
  });

  test("spec 40 §7: when the world cannot be joined there is no account", async () => {
    const broken = createUsers({
      ...context,
      passwords,
      // biome-ignore lint/correctness/useYield: the step that fails before its first statement
      *joinWorld() {
        throw new Error("no world");
      },
    });
    expect(String(await failure(broken.create(account("alice"))))).toContain("no world");
    expect(await users.getByUsername("alice")).toBeUndefined();
  });

  test("USER_ALREADY_EXISTS: names are unique without regard to case or width, also for two at once", async () => {
    await users.create(account("Alice"));
    for (const name of ["alice", "ALICE", "Ａｌｉｃｅ"]) {
      expect(await failure(users.create(account(name)))).toMatchObject({ code: "USER_ALREADY_EXISTS" });
    }
    const both = await Promise.allSettled([users.create(account("bob")), users.create(account("BOB"))]);
    expect(both.map((one) => one.status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((await users.getByUsername("aLiCe"))?.username).toBe("Alice");
  });

  test("spec 10 §3: guests are guest_<8 hex>, members of world, without a password", async () => {
    const guests = await Promise.all(Array.from({ length: 50 }, () => users.createGuest()));
    for (const { isGuest, username } of guests) {
      expect(isGuest).toBe(true);
      expect(username).toMatch(/^guest_[0-9a-f]{8}$/);
    }
    expect(new Set(guests.map((guest) => guest.username)).size).toBe(50);
    const [first] = guests;
    expect((await worldRows(first?.id ?? 0n)).members).toHaveLength(1);
    for (const password of ["!", "", "secret"]) expect(await users.verifyPassword(first?.id, password)).toBe(false);
  });

  test("SQL in a name is text", async () => {
    const name = "x'); DROP TABLE users;--";
    await users.create(account(name));
    await users.create(account("victim"));
    expect((await users.getByUsername(name))?.username).toBe(name);
    expect(await users.getByUsername("' OR '1'='1")).toBeUndefined();
    expect(await users.search("' OR 1=1 --", { limit: 20, excludeIds: [] })).toEqual([]);
    expect(await users.search("DROP TABLE", { limit: 20, excludeIds: [] })).toHaveLength(1);
  });

  test("spec 10 §4: search gives exact, then prefix, then contains, and nobody who is hidden", async () => {
    for (const name of ["mia", "mia_2", "mia_1", "amiable", "MIAMI", "other"]) await users.create(account(name));
    const gone = await users.create(account("mia_gone"));
    await users.update(gone.id, { status: userStatus.disabled });
    await users.createGuest();
    const me = await users.getByUsername("mia_2");
    const found = await users.search("Mia", { limit: 20, excludeIds: [me?.id ?? 0n] });
    expect(found.map((user) => user.username)).toEqual(["mia", "mia_1", "MIAMI", "amiable"]);
    expect(await users.search("mia", { limit: 2, excludeIds: [] })).toHaveLength(2);
    expect(await users.search("guest_", { limit: 20, excludeIds: [] })).toEqual([]);
  });

  test("search: wildcards of LIKE are text", async () => {
    for (const name of ["a_b", "aXb", "a%b"]) await users.create(account(name));
    expect((await users.search("_b", { limit: 20, excludeIds: [] })).map((user) => user.username)).toEqual(["a_b"]);
    expect((await users.search("%", { limit: 20, excludeIds: [] })).map((user) => user.username)).toEqual(["a%b"]);
  });

  test("profiles are read through the cache, and a change is seen at once", async () => {
    const user = await users.create(account("alice"));
    expect(await users.getMany([user.id])).toEqual({ users: [user], fromCache: false });
    expect(await users.getMany([user.id, user.id])).toEqual({ users: [user], fromCache: true });
    const changed = await users.update(user.id, { avatarUrl: "https://example.com/a.png" });
    expect(changed.avatarUrl).toBe("https://example.com/a.png");
    expect((await users.getMany([user.id])).users).toEqual([changed]);
    expect((await users.getMany([user.id, 7n])).users).toEqual([changed]);
    expect(await failure(users.update(7n, { avatarUrl: null }))).toMatchObject({ code: "USER_NOT_FOUND" });
  });

  test("spec 40 §5: without the cache the database answers", async () => {
    const user = await users.create(account("alice"));
    await context.cache[Symbol.asyncDispose]();
    expect(await users.getMany([user.id])).toEqual({ users: [user], fromCache: false });
    expect((await users.update(user.id, { status: userStatus.disabled })).status).toBe(userStatus.disabled);
  });

  test("the password is checked against the stored hash, which no answer holds", async () => {
    const hash = await passwords.hash("correct horse");
    const user = await users.create({ username: "alice", passwordHash: hash, avatarUrl: "" });
    expect(await users.verifyPassword(user.id, "correct horse")).toBe(true);
    expect(await users.verifyPassword(user.id, "Correct horse")).toBe(false);
    const all = [user, ...(await users.getMany([user.id])).users, await users.getByUsername("alice")];
    for (const one of all)
      expect(JSON.stringify(one, (_, value) => (typeof value === "bigint" ? `${value}` : value))).not.toContain(
        "argon2",
      );
  });

  test("spec 10 §2: an imported bcrypt hash is accepted and replaced at the next sign-in", async () => {
    const bcrypt = await Bun.password.hash("old secret", { algorithm: "bcrypt", cost: 4 });
    const user = await users.create({ username: "alice", passwordHash: bcrypt, avatarUrl: "" });
    const stored = async () => {
      const table = context.tables.users;
      const [row] = await context.db.q.select({ hash: table.passwordHash }).from(table).where(eq(table.id, user.id));
      return row?.hash;
    };
    expect(await users.verifyPassword(user.id, "wrong")).toBe(false);
    expect(await stored()).toBe(bcrypt);
    expect(await users.verifyPassword(user.id, "old secret")).toBe(true);
    expect(await stored()).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(await users.verifyPassword(user.id, "old secret")).toBe(true);
  });

  test("an unknown user costs what a wrong password costs: the same work is done", async () => {
    let checks = 0;
    const counting = createPasswords({
      run(work) {
        checks += 1;
        return work();
      },
      load: () => ({ running: 0, waiting: 0 }),
    });
    const store = createUsers({
      ...context,
      passwords: counting,
      joinWorld: (tx, id, at) => joinWorld(context, tx, id, at),
    });
    const hash = await passwords.hash("secret");
    const user = await store.create({ username: "alice", passwordHash: hash, avatarUrl: "" });
    await store.verifyPassword(undefined, "warm up");
    const timed = async (id: bigint | undefined) => {
      const start = performance.now();
      expect(await store.verifyPassword(id, "wrong")).toBe(false);
      return performance.now() - start;
    };
    const known = await timed(user.id);
    const unknown = await timed(undefined);
    const missing = await timed(7n);
    expect(checks).toBe(4);
    // An answer without hashing takes well under a millisecond, one with it tens: a wide margin on a busy machine.
    for (const ms of [known, unknown, missing]) expect(ms).toBeGreaterThan(3);
  });

  test("findNotNormal names disabled and unknown accounts", async () => {
    const [a, b] = await Promise.all([users.create(account("aaa")), users.create(account("bbb"))]);
    await users.update(b.id, { status: userStatus.disabled });
    expect(await users.findNotNormal([a.id, b.id, 7n])).toEqual(new Set([b.id, 7n]));
    expect(await users.findNotNormal([])).toEqual(new Set());
  });
}
