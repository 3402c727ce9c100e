import { expect, test } from "bun:test";
import { createManualClock } from "./clock.ts";
import { ClientError, codeOf } from "./errors.ts";
import { createRepeater } from "./repeat.ts";

/** Fails as `failures` say, one after the other, then succeeds. Time moves on by itself. */
async function run(...failures: ClientError[]) {
  const clock = createManualClock();
  const startedMs = clock.now();
  let asked = 0;
  const repeat = createRepeater({ clock, random: () => 0.5 });
  const answer = repeat(async () => {
    asked += 1;
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return "done";
  }).catch(codeOf);
  for (let i = 0; i < 200; i++) {
    await Promise.resolve();
    clock.advance(100);
  }
  return { answer: await answer, asked, waitedMs: clock.now() - startedMs };
}
const away = new ClientError("NETWORK_ERROR");

test("what says nothing about the outcome is asked again three times", async () => {
  expect(await run(away, away, away)).toMatchObject({ answer: "done", asked: 4 });
  expect(await run(away, away, away, away)).toMatchObject({ answer: "NETWORK_ERROR", asked: 4 });
});

test("a decided refusal is not", async () => {
  expect(await run(new ClientError("ALREADY_FRIENDS"))).toMatchObject({ answer: "ALREADY_FRIENDS", asked: 1 });
});

test("RATE_LIMITED: a short pause is kept, a long one is told at once", async () => {
  const limited = (retryAfterMs: number) => new ClientError("RATE_LIMITED", { retryAfterMs });
  expect(await run(limited(4_000))).toMatchObject({ answer: "done", asked: 2 });
  expect(await run(limited(360_000))).toMatchObject({ answer: "RATE_LIMITED", asked: 1 });
});
