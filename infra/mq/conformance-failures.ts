import { expect, test } from "bun:test";
import { all, type Context, makeTopic, out, range, reading, recorder, until } from "./conformance-kit.ts";
import { deadLetterTopic, MqFullError, MqUnavailableError } from "./mq.ts";

export function failureRules(at: Context, durable: boolean): void {
  const advance = async (ms: number): Promise<void> => {
    at.under.clock?.advance(ms);
    await Bun.sleep(1);
  };

  test("spec 50 §5: what is left pauses the partition and comes again, the other partitions go on", async () => {
    const topic = makeTopic({ durable });
    const batches: number[][] = [];
    const others: number[] = [];
    let away = true;
    await at.mq.subscribe(topic, reading("g"), async (batch) => {
      const numbers = batch.records.map((record) => record.value.n);
      if (batch.partition !== 0) {
        others.push(...numbers);
        return all(batch);
      }
      batches.push(numbers);
      return away ? { done: 1, pause: "the database is away" } : all(batch);
    });
    await at.mq.send(out(topic, [1, 2, 3]));
    await until("the pause", () => batches.length === 1);
    away = false;
    await at.mq.send([...out(topic, [4]), { topic, partition: 1, value: { n: 9 } }]);
    await until("the other partition", () => others.length === 1);
    if (at.under.clock !== undefined) expect(batches).toEqual([[1, 2, 3]]);
    for (let i = 0; i < 500 && batches.flat().length < 6; i++) await advance(100);
    expect(batches).toEqual([
      [1, 2, 3],
      [2, 3, 4],
    ]);
  });

  test("spec 50 §5: pauses last 100 ms × 2 … 30 s with jitter, and progress begins anew", async () => {
    const clock = at.under.clock;
    if (clock === undefined) return;
    const topic = makeTopic({ durable, partitions: 1 });
    let tries = 0;
    let done = 0;
    await at.mq.subscribe(topic, reading("g"), async () => {
      tries++;
      return { done };
    });
    const background = clock.delays();
    await at.mq.send(out(topic, [1, 2, 3]));
    const delays: number[] = [];
    for (let i = 1; i <= 12; i++) {
      await until(`try ${i}`, () => tries === i && clock.delays().length > background.length);
      if (i === 11) done = 1;
      if (i === 12) done = 0;
      const delay = clock.delays().find((one) => !background.includes(one)) ?? 0;
      delays.push(delay);
      for (const at of background.keys()) background[at] = (background[at] ?? 0) - delay;
      clock.advance(delay);
      background.splice(0, background.length, ...clock.delays());
    }
    for (const [i, delay] of delays.slice(0, 11).entries()) {
      const full = Math.min(30_000, 100 * 2 ** i);
      expect(delay).toBeGreaterThanOrEqual(full / 2);
      expect(delay).toBeLessThanOrEqual(full);
    }
    expect(delays[11]).toBeLessThanOrEqual(100);
  });

  test("a partition that goes on after a pause lets the others of its group look again within a second", async () => {
    const clock = at.under.clock;
    if (clock === undefined) return;
    const topic = makeTopic({ durable, partitions: 2 });
    const tries = [0, 0];
    const done = [0, 0];
    let away = true;
    await at.mq.subscribe(topic, reading("g"), async (batch) => {
      tries[batch.partition] = (tries[batch.partition] ?? 0) + 1;
      if (away) return { done: 0, pause: "the database is away" };
      done[batch.partition] = (done[batch.partition] ?? 0) + batch.records.length;
      return all(batch);
    });
    await at.mq.send(out(topic, [1]));
    // The first pauses for much longer than the second by now.
    for (let n = 0; n < 600 && (tries[0] ?? 0) < 9; n += 1) await advance(100);
    await at.mq.send([{ topic, partition: 1, value: { n: 2 } }]);
    await until("the second pauses", () => tries[1] === 1);
    away = false;
    for (let n = 0; n < 12 && done[0] === 0; n += 1) await advance(100);
    expect(done).toEqual([1, 1]);
  });

  test("spec 50 §5: a batch that throws is halved to the record that fails alone; 3 attempts, then the dead-letter topic", async () => {
    const topic = makeTopic({ durable });
    const finished: number[] = [];
    const alone: number[] = [];
    await at.mq.subscribe(topic, reading("g"), async (batch) => {
      const numbers = batch.records.map((record) => record.value.n);
      if (batch.records.some((record) => record.value.poison)) {
        if (numbers.length === 1) alone.push(...numbers);
        throw new Error("cannot be handled");
      }
      finished.push(...numbers);
      return all(batch);
    });
    const buried = recorder();
    await at.mq.subscribe(deadLetterTopic(topic), reading("tool"), buried.handler);
    const poisons = new Set([13, 14, 40]);
    await at.mq.send(range(0, 50).map((n) => ({ topic, key: "k", value: { n, poison: poisons.has(n) } })));
    for (let i = 0; i < 2000 && (buried.records.length < 3 || finished.length < 47); i++) await advance(50);
    expect(finished).toEqual(range(0, 50).filter((n) => !poisons.has(n)));
    expect(alone).toEqual([13, 13, 13, 14, 14, 14, 40, 40, 40]);
    expect(buried.numbers()).toEqual([13, 14, 40]);
    const [dead] = buried.records;
    expect(dead?.key).toBe("k");
    expect(dead?.headers).toMatchObject({
      "X-Type": "test.Value",
      "X-Origin-Topic": topic.name,
      "X-Origin-Offset": "13",
      "X-Error-Code": "HANDLER_FAILED",
      "X-Error-Message": "cannot be handled",
      "X-Attempts": "3",
      "X-Consumer-Group": "g",
    });
    expect(Number(dead?.headers["X-Origin-Partition"])).toBeGreaterThanOrEqual(0);
    expect(Number(dead?.headers["X-Failed-At"])).toBeGreaterThan(0);
  });

  test("a record that the handler names dead is dead-lettered, its neighbours are finished", async () => {
    const topic = makeTopic({ durable });
    await at.mq.subscribe(topic, reading("g"), async (batch) => ({
      done: batch.records.length,
      dead: batch.records.flatMap(({ value }, index) => {
        return value.poison ? [{ index, code: "UNKNOWN_TYPE", message: "m".repeat(600) }] : [];
      }),
    }));
    const buried = recorder();
    const subscription = await at.mq.subscribe(deadLetterTopic(topic), reading("tool"), buried.handler);
    await at.mq.send(range(0, 5).map((n) => ({ topic, partition: 0, value: { n, poison: n === 3 } })));
    await until("the dead letter", () => buried.records.length === 1);
    expect(buried.records[0]?.value).toEqual({ n: 3, poison: true });
    expect(buried.records[0]?.headers).toMatchObject({ "X-Error-Code": "UNKNOWN_TYPE", "X-Attempts": "1" });
    expect(buried.records[0]?.headers["X-Error-Message"]).toHaveLength(500);
    for (let lag = 1; lag > 0; lag = await subscription.lag()) await Bun.sleep(1);
  });

  test("a topic without dead letters goes on behind a dead record", async () => {
    const topic = makeTopic({ durable, deadLetter: false });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g", { recordsMax: 1 }), async (batch) => {
      if (batch.records[0]?.value.poison) return { done: 1, dead: [{ index: 0, code: "X", message: "x" }] };
      return got.handler(batch, AbortSignal.abort());
    });
    await at.mq.send(range(0, 3).map((n) => ({ topic, partition: 0, value: { n, poison: n === 1 } })));
    await until("the others", () => got.records.length === 2);
    expect(got.numbers()).toEqual([0, 2]);
  });

  test("a handler that finds the log full or away pauses, and loses nothing", async () => {
    const topic = makeTopic({ durable });
    const errors: Error[] = [new MqFullError("full"), new MqUnavailableError("away")];
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), async (batch, signal) => {
      const error = errors.shift();
      if (error !== undefined) throw error;
      return got.handler(batch, signal);
    });
    await at.mq.send(out(topic, [1, 2]));
    for (let i = 0; i < 500 && got.records.length < 2; i++) await advance(100);
    expect(got.numbers()).toEqual([1, 2]);
  });
}

export function disposeRules(at: Context, durable: boolean): void {
  test("dispose lets the batch in flight finish and commits it", async () => {
    const topic = makeTopic({ durable });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const begun: number[][] = [];
    const subscription = await at.mq.subscribe(topic, reading("g", { recordsMax: 2 }), async (batch) => {
      begun.push(batch.records.map((record) => record.value.n));
      await gate;
      return all(batch);
    });
    await at.mq.send(out(topic, [1, 2, 3]));
    await until("begun", () => begun.length === 1);
    const disposed = subscription[Symbol.asyncDispose]();
    open();
    await disposed;
    expect(begun).toEqual([[1, 2]]);
    const next = recorder();
    await at.mq.subscribe(topic, reading("g"), next.handler);
    await until("the rest", () => next.records.length >= 1);
    expect(next.numbers()).toEqual([3]);
  });

  test("the last batch can still produce while the driver is disposed, then sends are refused", async () => {
    const topic = makeTopic({ durable });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let produced: unknown = "not tried";
    let begun = false;
    const { mq } = at;
    await mq.subscribe(topic, reading("g"), async (batch) => {
      begun = true;
      await gate;
      produced = await mq.send(out(makeTopic({ durable }), [1])).then(
        () => "taken",
        (error: unknown) => error,
      );
      return all(batch);
    });
    await mq.send(out(topic, [1]));
    await until("begun", () => begun);
    const disposed = mq[Symbol.asyncDispose]();
    open();
    await disposed;
    expect(produced).toBe("taken");
    const refused: unknown = await mq.send(out(topic, [2])).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MqUnavailableError);
    expect((await mq.health()).status).toBe("down");
  });
}
