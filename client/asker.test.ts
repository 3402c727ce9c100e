import { expect, test } from "bun:test";
import { createAsker } from "./asker.ts";
import { createManualClock } from "./clock.ts";

const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** Runs end when the test says so, with what it says. */
function setup() {
  const clock = createManualClock();
  const ends: ((succeeded: boolean) => void)[] = [];
  const asker = createAsker(() => new Promise((resolve) => ends.push(resolve)), { clock, random: () => 0.5 });
  const end = async (succeeded: boolean): Promise<void> => {
    ends.at(-1)?.(succeeded);
    await settle();
  };
  return { clock, asker, end, runs: () => ends.length };
}

test("one run at a time; what is asked meanwhile is one more run", async () => {
  const { asker, end, runs } = setup();
  for (let i = 0; i < 3; i++) asker.ask();
  expect(runs()).toBe(1);
  await end(true);
  expect(runs()).toBe(2);
  await end(true);
  expect(runs()).toBe(2);
});

test("a run that failed is repeated after 1, 2, 4 s until it succeeds; asking does it at once", async () => {
  const { asker, end, runs, clock } = setup();
  asker.ask();
  for (const [failures, ms] of [1_000, 2_000, 4_000].entries()) {
    await end(false);
    clock.advance(ms - 1);
    expect(runs()).toBe(failures + 1);
    clock.advance(1);
    expect(runs()).toBe(failures + 2);
  }
  await end(false);
  asker.ask();
  expect(runs()).toBe(5);
  await end(true);
  clock.advance(600_000);
  expect([runs(), clock.waiting()]).toEqual([5, 0]);
});

test("cancelled: neither a wait nor a run under way is followed by another", async () => {
  const { asker, end, runs, clock } = setup();
  asker.ask();
  await end(false);
  asker.cancel();
  clock.advance(600_000);
  asker.ask();
  asker.cancel();
  await end(false);
  clock.advance(600_000);
  expect([runs(), clock.waiting()]).toEqual([2, 0]);
});
