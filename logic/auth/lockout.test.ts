import { afterEach, beforeEach, expect, test } from "bun:test";
import { createMemoryCache, type MemoryCache } from "#infra/cache/memory.ts";
import { silentLogger } from "#infra/clog/clog.ts";
import { addressKey } from "#proto/login-failures.ts";
import { createLockout, type Lockout } from "./lockout.ts";

/** What the promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

let nowMs = 0;
let cache: MemoryCache;
let lockout: Lockout;

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  cache = createMemoryCache({ clock: () => nowMs });
  lockout = createLockout({ cache, clog: silentLogger });
});
afterEach(() => cache[Symbol.asyncDispose]());

const wrong = async () => undefined;
const right = async () => "user";
async function fail(times: number, name: string, ip: string) {
  for (let n = 0; n < times; n++) expect(await lockout.attempt(name, ip, wrong)).toBeUndefined();
}

test("spec 10 §3: 5 failures of a name from an address lock the pair for the rest of 300 s", async () => {
  await fail(1, "alice", "192.0.2.1");
  nowMs += 100_000;
  await fail(4, "alice", "192.0.2.1");
  let asked = false;
  const attempt = lockout.attempt("alice", "192.0.2.1", async () => {
    asked = true;
    return "user";
  });
  expect(await failure(attempt)).toMatchObject({ code: "LOGIN_LOCKED", details: { retryAfterMs: 200_000 } });
  expect(asked).toBe(false);
  nowMs += 199_999;
  expect(await failure(lockout.attempt("alice", "192.0.2.1", right))).toMatchObject({ code: "LOGIN_LOCKED" });
  nowMs += 1;
  expect(await lockout.attempt("alice", "192.0.2.1", right)).toBe("user");
});

test("spec 10 §3: never by username alone", async () => {
  await fail(5, "alice", "192.0.2.1");
  expect(await lockout.attempt("alice", "192.0.2.2", right)).toBe("user");
  expect(await lockout.attempt("bob", "192.0.2.1", right)).toBe("user");
});

test("spec 10 §3: 20 failures from an address lock it for every name", async () => {
  for (let n = 0; n < 20; n++) await fail(1, `name${n}`, "192.0.2.1");
  expect(await failure(lockout.attempt("alice", "192.0.2.1", right))).toMatchObject({ code: "LOGIN_LOCKED" });
  expect(await lockout.attempt("alice", "192.0.2.2", right)).toBe("user");
});

test("a success forgets the failures of the pair, not those of the address", async () => {
  for (let round = 0; round < 4; round++) {
    await fail(4, "alice", "192.0.2.1");
    expect(await lockout.attempt("alice", "192.0.2.1", right)).toBe("user");
  }
  await fail(4, "bob", "192.0.2.1");
  expect(await failure(lockout.attempt("alice", "192.0.2.1", right))).toMatchObject({ code: "LOGIN_LOCKED" });
});

test("case and width of the name make no other pair", async () => {
  await fail(2, "alice", "192.0.2.1");
  await fail(2, "ALICE", "192.0.2.1");
  await fail(1, "ａｌｉｃｅ", "192.0.2.1");
  expect(await failure(lockout.attempt("Alice", "192.0.2.1", right))).toMatchObject({ code: "LOGIN_LOCKED" });
});

test("guesses sent at once do not pass the limit together", async () => {
  let checked = 0;
  const guesses = Array.from({ length: 12 }, () =>
    lockout.attempt("alice", "192.0.2.1", async () => {
      checked += 1;
      await Promise.resolve();
      return undefined;
    }),
  );
  const results = await Promise.allSettled(guesses);
  expect(checked).toBe(5);
  expect(results.filter((one) => one.status === "rejected")).toHaveLength(7);
});

test("G4: attempts of one pair that wait are bounded", async () => {
  const gate = Promise.withResolvers<string>();
  const all = Array.from({ length: 16 }, () => lockout.attempt("alice", "192.0.2.1", () => gate.promise));
  expect(await failure(lockout.attempt("alice", "192.0.2.1", right))).toMatchObject({ code: "LOGIN_LOCKED" });
  gate.resolve("user");
  expect(await Promise.all(all)).toEqual(Array(16).fill("user"));
  expect(await lockout.attempt("alice", "192.0.2.1", right)).toBe("user");
});

test("what goes wrong in between counts neither way, and blocks nobody who waits", async () => {
  const broken = lockout.attempt("alice", "192.0.2.1", () => Promise.reject(new Error("repo is away")));
  const next = lockout.attempt("alice", "192.0.2.1", right);
  expect(String(await failure(broken))).toContain("repo is away");
  expect(await next).toBe("user");
});

test("without an address or a cache attempts pass", async () => {
  await fail(30, "alice", "");
  await cache[Symbol.asyncDispose]();
  await fail(30, "alice", "192.0.2.1");
  expect(await lockout.attempt("alice", "192.0.2.1", right)).toBe("user");
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:0001:2::", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("the address %p counts as %p", (ip, key) => {
  expect(addressKey(ip)).toBe(key);
});
