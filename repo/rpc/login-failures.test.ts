import { afterEach, beforeEach, expect, test } from "bun:test";
import { createMemoryCache, type MemoryCache } from "#infra/cache/memory.ts";
import { lockoutLimits } from "#proto/login-failures.ts";
import { loginFailureMethods } from "./login-failures.ts";

let nowMs = 0;
let cache: MemoryCache;
beforeEach(() => {
  nowMs = 1_800_000_000_000;
  cache = createMemoryCache({ clock: () => nowMs });
});
afterEach(() => cache[Symbol.asyncDispose]());

/** The methods, called as a service would. */
function calls() {
  const { recordLoginFailure, clearLoginFailures } = loginFailureMethods({ cache });
  type Call = (request: object) => Promise<Record<string, unknown>>;
  const record = recordLoginFailure as unknown as Call;
  const clear = clearLoginFailures as unknown as Call;
  return {
    record: (username: string, ip: string) => record({ username, ip }),
    clear: (username: string, ip: string) => clear({ username, ip }),
  };
}

test("failures count by name and address, and by address; the window ends both", async () => {
  const { record } = calls();
  expect(await record("Ann", "192.0.2.1")).toEqual({ userIpCount: 1, ipCount: 1 });
  expect(await record("ann", "::ffff:192.0.2.1")).toEqual({ userIpCount: 2, ipCount: 2 });
  expect(await record("bob", "192.0.2.1")).toEqual({ userIpCount: 1, ipCount: 3 });
  nowMs += lockoutLimits.windowMs + 1;
  expect(await record("ann", "192.0.2.1")).toEqual({ userIpCount: 1, ipCount: 1 });
});

test("clearing forgets the pair and leaves the address", async () => {
  const { record, clear } = calls();
  await record("ann", "192.0.2.1");
  expect(await clear("ANN", "192.0.2.1")).toEqual({ success: true });
  expect(await record("ann", "192.0.2.1")).toEqual({ userIpCount: 1, ipCount: 2 });
});

test.each([
  ["", "192.0.2.1"],
  ["ann", ""],
  ["a\0n", "192.0.2.1"],
  ["ann", "x".repeat(65)],
])("%j from %j is refused and counts nothing", async (username, ip) => {
  const { record } = calls();
  const error = await record(username, ip).catch((refused: unknown) => refused);
  expect(error).toMatchObject({ code: "INVALID_PARAMETER" });
  expect(await record("ann", "192.0.2.1")).toEqual({ userIpCount: 1, ipCount: 1 });
});
