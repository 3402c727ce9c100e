import { expect, test } from "bun:test";
import { all, type Context, makeTopic, out, range, reading, recorder, until, type Value } from "./conformance-kit.ts";
import { deadLetterTopic, type Handler } from "./mq.ts";

/** Holds the records that `which` names until a test ends or fails their hold. */
function holder(which: (n: number) => boolean) {
  const got = recorder();
  const holds = new Map<number, PromiseWithResolvers<void>>();
  const handler: Handler<Value> = async (batch, signal) => {
    await got.handler(batch, signal);
    const held = batch.records.flatMap(({ value }, index) => {
      if (!which(value.n)) return [];
      const hold = Promise.withResolvers<void>();
      holds.set(value.n, hold);
      return [{ index, until: hold.promise }];
    });
    return { done: batch.records.length, held };
  };
  return { got, handler, finish: (n: number) => holds.get(n)?.resolve(), fail: (n: number) => holds.get(n)?.reject() };
}

/** Records that are finished later (`Outcome.held`). */
export function holdRules(at: Context, durable: boolean): void {
  const can = (): boolean => at.under.holds !== false;
  const holding = (heldMax: number) => reading("g", { heldMax });

  test("what is behind a held record goes on; the next reader is given it and all behind it again", async () => {
    if (!can()) return;
    const topic = makeTopic({ durable });
    const { got, handler } = holder((n) => n === 1);
    const first = await at.mq.subscribe(topic, holding(10), handler);
    await at.mq.send(out(topic, range(0, 3)));
    await until("all", () => got.records.length === 3);
    await at.mq.send(out(topic, [3]));
    await until("the next", () => got.records.length === 4);
    for (let lag = 0; lag !== 1; lag = await first.lag()) await Bun.sleep(1);
    await first[Symbol.asyncDispose]();
    const next = recorder();
    await at.mq.subscribe(topic, reading("g"), next.handler);
    await until("again", () => next.records.length === 3);
    expect(next.numbers()).toEqual([1, 2, 3]);
  });

  test("a finished record is not given again, whatever the order in which they are finished", async () => {
    if (!can()) return;
    const topic = makeTopic({ durable });
    const { got, handler, finish } = holder((n) => n === 0 || n === 2 || n === 4);
    const first = await at.mq.subscribe(topic, holding(10), handler);
    await at.mq.send(out(topic, range(0, 6)));
    await until("all", () => got.records.length === 6);
    finish(2);
    finish(0);
    for (let lag = 0; lag !== 1; lag = await first.lag()) await Bun.sleep(1);
    await first[Symbol.asyncDispose]();
    const next = holder((n) => n === 4);
    const second = await at.mq.subscribe(topic, holding(10), next.handler);
    await until("again", () => next.got.records.length === 2);
    next.finish(4);
    for (let lag = 1; lag > 0; lag = await second.lag()) await Bun.sleep(1);
    await second[Symbol.asyncDispose]();
    const third = recorder();
    await at.mq.subscribe(topic, reading("g"), third.handler);
    await at.mq.send(out(topic, [6]));
    await until("the new one", () => third.records.length > 0);
    expect(next.got.numbers()).toEqual([4, 5]);
    expect(third.numbers()).toEqual([6]);
  });

  test("G4: a partition that holds all it may rests, the others go on; a finished record lets it go on", async () => {
    if (!can()) return;
    const topic = makeTopic({ durable });
    const { got, handler, finish } = holder((n) => n < 100);
    await at.mq.subscribe(topic, holding(2), handler);
    await at.mq.send(out(topic, range(0, 5)));
    await until("two", () => got.records.length === 2);
    await at.mq.send([{ topic, partition: 1, value: { n: 100 } }]);
    await until("the other partition", () => got.records.length === 3);
    expect(got.numbers()).toEqual([0, 1, 100]);
    finish(1);
    await until("one more", () => got.records.length === 4);
    finish(0);
    finish(2);
    await until("the last", () => got.records.length === 6);
    expect(got.numbers()).toEqual([0, 1, 100, 2, 3, 4]);
  });

  test("an answer that holds more than it may is a failure of the handler", async () => {
    if (!can()) return;
    const topic = makeTopic({ durable });
    await at.mq.subscribe(topic, reading("g"), holder(() => true).handler);
    const buried = recorder();
    await at.mq.subscribe(deadLetterTopic(topic), reading("tool"), buried.handler);
    await at.mq.send(out(topic, [7]));
    for (let i = 0; i < 500 && buried.records.length === 0; i++) {
      at.under.clock?.advance(100);
      await Bun.sleep(1);
    }
    await until("the dead letter", () => buried.records.length === 1);
    expect(buried.records[0]?.headers["X-Error-Message"]).toContain("holds more than 0");
  });

  test("what a record was held for failed: it comes again to the next reader", async () => {
    if (!can()) return;
    const topic = makeTopic({ durable });
    const { got, handler, fail } = holder((n) => n === 1);
    const first = await at.mq.subscribe(topic, holding(10), handler);
    await at.mq.send(out(topic, [0, 1]));
    await until("both", () => got.records.length === 2);
    fail(1);
    await first[Symbol.asyncDispose]();
    const next = recorder();
    await at.mq.subscribe(topic, reading("g"), next.handler);
    await until("again", () => next.records.length === 1);
    expect(next.numbers()).toEqual([1]);
  });

  test("a process that starts again is given what was held when it ended", async () => {
    if (!can() || !durable) return;
    const topic = makeTopic({ durable });
    const { got, handler, finish } = holder((n) => n < 2);
    const first = await at.mq.subscribe(topic, holding(10), handler);
    await at.mq.send(out(topic, range(0, 3)));
    await until("all", () => got.records.length === 3);
    finish(0);
    for (let lag = 0; lag !== 1; lag = await first.lag()) await Bun.sleep(1);
    if (!(await at.restart())) return;
    const next = recorder();
    await at.mq.subscribe(topic, reading("g"), next.handler);
    await until("again", () => next.records.length === 2);
    expect(next.numbers()).toEqual([1, 2]);
  });

  test("where the driver cannot hold records, it says so when it is asked", async () => {
    const topic = makeTopic({ durable });
    const asked = at.mq.subscribe(topic, holding(1), all).then(
      () => "taken",
      () => "refused",
    );
    expect(await asked).toBe(can() ? "taken" : "refused");
  });
}
