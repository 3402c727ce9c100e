import { expect, test } from "bun:test";
import { all, type Context, makeTopic, out, range, reading, recorder, until } from "./conformance-kit.ts";

export function groupRules(at: Context, durable: boolean): void {
  test("every group gets every record", async () => {
    const topic = makeTopic({ durable });
    const groups = range(0, 20).map(() => recorder());
    for (const [i, got] of groups.entries()) await at.mq.subscribe(topic, reading(`g${i}`), got.handler);
    await at.mq.send(out(topic, range(0, 30)));
    await until("all groups", () => groups.every((got) => got.records.length >= 30));
    for (const got of groups) expect(got.numbers()).toEqual(range(0, 30));
  });

  test("earliest begins with what is there, end with what comes", async () => {
    const topic = makeTopic({ durable });
    await at.mq.send(out(topic, [1, 2]));
    const late = recorder();
    const whole = recorder();
    await at.mq.subscribe(topic, reading("late", { from: "end" }), late.handler);
    await at.mq.subscribe(topic, reading("whole"), whole.handler);
    await at.mq.send(out(topic, [3]));
    await until("3 records", () => whole.records.length >= 3 && late.records.length >= 1);
    expect(whole.numbers()).toEqual([1, 2, 3]);
    expect(late.numbers()).toEqual([3]);
  });

  test("a group that comes back continues where it stopped", async () => {
    const topic = makeTopic({ durable });
    const first = recorder();
    const subscription = await at.mq.subscribe(topic, reading("g"), first.handler);
    await at.mq.send(out(topic, [1, 2]));
    await until("2 records", () => first.records.length >= 2);
    await subscription[Symbol.asyncDispose]();
    await at.mq.send(out(topic, [3]));
    const second = recorder();
    await at.mq.subscribe(topic, reading("g"), second.handler);
    await until("the third", () => second.records.length >= 1);
    expect(first.numbers()).toEqual([1, 2]);
    expect(second.numbers()).toEqual([3]);
  });

  test("commits: false begins at `from` every time", async () => {
    const topic = makeTopic({ durable });
    const keeper = recorder();
    const options = reading("g", { from: "end", commits: false });
    const subscription = await at.mq.subscribe(topic, options, all);
    await subscription[Symbol.asyncDispose]();
    await at.mq.subscribe(topic, reading("keeper"), keeper.handler);
    await at.mq.send(out(topic, [1]));
    await until("sent", () => keeper.records.length >= 1);
    const again = recorder();
    await at.mq.subscribe(topic, options, again.handler);
    await at.mq.send(out(topic, [2]));
    await until("the second", () => again.records.length >= 1);
    expect(again.numbers()).toEqual([2]);
  });

  test("lag counts what the group has not finished", async () => {
    const topic = makeTopic({ durable });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let begun = false;
    const subscription = await at.mq.subscribe(topic, reading("g", { recordsMax: 4 }), async (batch) => {
      begun = true;
      await gate;
      return all(batch);
    });
    expect(await subscription.lag()).toBe(0);
    await at.mq.send(out(topic, range(0, 10)));
    await until("begun", () => begun);
    expect(await subscription.lag()).toBe(10);
    open();
    for (let lag = 10; lag > 0; lag = await subscription.lag()) await Bun.sleep(1);
  });

  test("a consumer that lost its place is told so", async () => {
    if (at.under.loseGroup === undefined) return;
    const topic = makeTopic({ durable });
    const reasons: string[] = [];
    const got = recorder();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let begun = false;
    const options = reading("lost", { recordsMax: 1, onReset: (reason) => reasons.push(reason) });
    await at.mq.subscribe(topic, options, async (batch, signal) => {
      begun = true;
      await gate;
      return got.handler(batch, signal);
    });
    await at.mq.send(out(topic, [1, 2, 3]));
    await until("begun", () => begun);
    await at.under.loseGroup(topic, "lost");
    open();
    await until("the reset", () => reasons.length >= 1);
    await at.mq.send(out(topic, [7]));
    await until("delivery goes on", () => got.numbers().includes(7));
  });
}

export function restartRules(at: Context): void {
  test("durable: a restart continues at the committed offset, end stays end, and offsets go on", async () => {
    const topic = makeTopic({ durable: true });
    const before = recorder();
    await at.mq.subscribe(topic, reading("g", { recordsMax: 1 }), async (batch, signal) => {
      return batch.records[0]?.value.n === 2 ? { done: 0 } : before.handler(batch, signal);
    });
    await at.mq.subscribe(topic, reading("late", { from: "end" }), all);
    await at.mq.send(out(topic, [0, 1, 2]));
    await until("2 records", () => before.records.length === 2);
    if (!(await at.restart())) return;
    const after = recorder();
    await at.mq.send(out(topic, [3]));
    await at.mq.subscribe(topic, reading("g"), after.handler);
    await until("the rest", () => after.records.length >= 2);
    expect(after.numbers()).toEqual([2, 3]);
    expect(after.records.map((record) => record.offset)).toEqual([2n, 3n]);
  });

  test("spec 50 §7: volatile topics start empty", async () => {
    if (at.under.recordsMax === undefined) return;
    const topic = makeTopic({ durable: false });
    await at.mq.send(out(topic, [1]));
    if (!(await at.restart())) return;
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), got.handler);
    await at.mq.send(out(topic, [2]));
    await until("a record", () => got.records.length >= 1);
    expect(got.numbers()).toEqual([2]);
  });

  test("partitionsOf says how many there are", async () => {
    const topic = makeTopic({ durable: true, partitions: 5 });
    expect(await at.mq.partitionsOf(topic)).toBe(5);
    await at.mq.send([{ topic, partition: 4, value: { n: 1 } }]);
  });

  test("a topic with another number of partitions is refused", async () => {
    const topic = makeTopic({ durable: true });
    await at.mq.ensureTopics([topic]);
    await at.mq.ensureTopics([topic]);
    const other: unknown = await at.mq.ensureTopics([{ ...topic, partitions: 4 }]).catch((error: unknown) => error);
    expect(other).toBeInstanceOf(Error);
    expect((await at.mq.health()).status).toBe("ok");
  });
}
