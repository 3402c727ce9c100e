import { expect, test } from "bun:test";
import { createBulkhead } from "#infra/breaker/bulkhead.ts";
import { hashPassword, isPasswordPossible, passwordFault } from "./password.ts";

/** What the promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

test.each(["123456", "x".repeat(50), "パスワード一二", "😀😀😀😀😀😀", "' OR 1=1;--"])(
  "spec 10 §2: %p will do",
  (password) => {
    expect(passwordFault(password)).toBeUndefined();
  },
);

test.each([
  ["12345", "at least"],
  ["😀😀😀😀😀", "at least"],
  ["x".repeat(51), "at most 50"],
  ["😀".repeat(65), "256 bytes"],
  ["x".repeat(1_000_000), "256 bytes"],
  ["abc\0def", "stored"],
  ["abcdef\ud800", "stored"],
])("spec 10 §2: %p is refused", (password, fault) => {
  expect(passwordFault(password)).toContain(fault);
});

test("a sign-in with an impossible password is not hashed", () => {
  expect(isPasswordPossible("x".repeat(256))).toBe(true);
  expect(isPasswordPossible("x".repeat(257))).toBe(false);
});

test("spec 10 §2: argon2id with 19 MiB and t = 2, and SERVICE_UNAVAILABLE when too many wait (G4)", async () => {
  const bulkhead = createBulkhead({ runningMax: 1, waitingMax: 0 });
  const first = hashPassword("secret-1", bulkhead);
  expect(await failure(hashPassword("secret-2", bulkhead))).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  expect(await first).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
});
