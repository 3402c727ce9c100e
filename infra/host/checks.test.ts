import { expect, test } from "bun:test";
import { type CheckState, watchChecks } from "./checks.ts";

test("the states are those of the last answers; a probe that throws is down", async () => {
  const answered = Promise.withResolvers<CheckState>();
  using checks = watchChecks({
    log: () => answered.promise,
    db: () => {
      throw new Error("gone");
    },
  });
  expect(checks.states()).toEqual({ log: "ok", db: "down" });
  answered.resolve("degraded");
  await answered.promise;
  expect(checks.states()).toEqual({ log: "degraded", db: "down" });
});
