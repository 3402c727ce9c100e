import { expect, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { createCommits } from "./kafka-commits.ts";
import { createManualClock } from "./manual-clock.ts";

function setup() {
  const clock = createManualClock();
  const committed: Record<string, number>[] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const commits = createCommits(
    (positions) => {
      committed.push(Object.fromEntries(positions));
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      return answer.promise;
    },
    clock,
    silentLogger,
  );
  const answer = async (error?: Error): Promise<void> => {
    if (error === undefined) answers.at(-1)?.resolve();
    else answers.at(-1)?.reject(error);
    await Bun.sleep(0);
  };
  return { clock, committed, commits, answer };
}

test("partitions share a commit; what moves meanwhile is the next one, 50 ms later", async () => {
  const { clock, committed, commits, answer } = setup();
  commits.moved(0, 5);
  commits.moved(1, 7);
  clock.advance(0);
  commits.moved(0, 6);
  commits.moved(0, 9);
  clock.advance(1000);
  expect(committed).toEqual([{ 0: 5, 1: 7 }]);
  await answer();
  clock.advance(49);
  expect(committed).toHaveLength(1);
  clock.advance(1);
  expect(committed[1]).toEqual({ 0: 9 });
});

test("a refused commit comes again, with where the group is by then", async () => {
  const { clock, committed, commits, answer } = setup();
  commits.moved(0, 5);
  commits.moved(1, 7);
  clock.advance(0);
  commits.moved(0, 6);
  await answer(new Error("rebalance in progress"));
  clock.advance(500);
  expect(committed[1]).toEqual({ 0: 6, 1: 7 });
});

test("a partition that was taken away is not committed, and flushing waits for nothing but what is left", async () => {
  const { clock, committed, commits, answer } = setup();
  commits.moved(0, 5);
  clock.advance(0);
  await answer();
  commits.moved(0, 6);
  commits.moved(1, 8);
  commits.retain([1]);
  const flushed = commits.flushed(5000);
  clock.advance(0);
  expect(committed[1]).toEqual({ 1: 8 });
  await answer();
  await flushed;
});
