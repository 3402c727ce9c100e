import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ManualClock } from "./manual-clock.ts";
import {
  type Batch,
  deadLetterTopic,
  type Handler,
  type InRecord,
  type Mq,
  MqFullError,
  MqUnavailableError,
  type Outcome,
  type OutRecord,
  outRecord,
  type SubscribeOptions,
  type Topic,
} from "./mq.ts";

/** A driver, and what the suite may do with it. Rules that need an absent part are skipped. */
export interface MqUnderTest {
  readonly mq: Mq;
  /** Ends `mq` and gives a driver on the same log, as a process that starts again. */
  readonly restart?: () => Promise<Mq>;
  /** The driver's clock. Without it the suite waits in real time. */
  readonly clock?: ManualClock;
  /** Volatile records that one topic may hold for a group; undefined where the log is not in memory. */
  readonly recordsMax?: number;
  /** Makes `group`, which has records to read, lose its place on `topic`, as a rebalance or an expired offset does. */
  readonly loseGroup?: (topic: Topic<Value>, group: string) => Promise<void>;
}

export interface Value {
  readonly n: number;
  readonly poison?: boolean;
}

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() };
const codec: Topic<Value>["codec"] = {
  encode: (value) => utf8.encoder.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(utf8.decoder.decode(bytes)),
  sizeOf: () => 20,
};

const untilMs = 4000;

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const endMs = Date.now() + untilMs; !condition(); ) {
    if (Date.now() > endMs) throw new Error(`not reached: ${what}`);
    await Bun.sleep(1);
  }
}

let topicsMade = 0;
function makeTopic(change: Partial<Topic<Value>> = {}): Topic<Value> {
  topicsMade++;
  const name = `conformance.${process.pid}.${Date.now()}.${topicsMade}`;
  return {
    name,
    type: "test.Value",
    codec,
    partitions: 3,
    durable: true,
    retentionMs: 3_600_000,
    deadLetter: true,
    ...change,
  };
}

const reading = (group: string, change: Partial<SubscribeOptions> = {}): SubscribeOptions => {
  return { group, from: "earliest", commits: true, recordsMax: 100, bytesMax: 1_000_000, ...change };
};

const all = (batch: Batch<Value>): Promise<Outcome> => Promise.resolve({ done: batch.records.length });

function out(topic: Topic<Value>, numbers: readonly number[], key?: (n: number) => string): OutRecord<Value>[] {
  return numbers.map((n) => ({ topic, value: { n }, ...(key === undefined ? { partition: 0 } : { key: key(n) }) }));
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** A handler that keeps what it is given. */
function recorder(): {
  batches: number[][];
  records: InRecord<Value>[];
  numbers: () => number[];
  handler: Handler<Value>;
} {
  const batches: number[][] = [];
  const records: InRecord<Value>[] = [];
  return {
    batches,
    records,
    numbers: () => records.map((record) => record.value.n),
    handler: (batch) => {
      batches.push(batch.records.map((record) => record.value.n));
      records.push(...batch.records);
      return all(batch);
    },
  };
}

/** The contract of `Mq`. `createMq` is called before every test, the suite disposes. */
export function mqConformance(name: string, createMq: () => Promise<MqUnderTest>): void {
  describe(`mq: ${name}`, () => {
    let under: MqUnderTest;
    let mq: Mq;
    beforeEach(async () => {
      under = await createMq();
      mq = under.mq;
    });
    afterEach(async () => {
      await mq[Symbol.asyncDispose]();
    });
    const context: Context = {
      get under() {
        return under;
      },
      get mq() {
        return mq;
      },
      async restart() {
        if (under.restart === undefined) return false;
        mq = await under.restart();
        return true;
      },
    };
    for (const durable of [true, false]) {
      describe(durable ? "durable topic" : "volatile topic", () => {
        orderRules(context, durable);
        groupRules(context, durable);
        failureRules(context, durable);
        disposeRules(context, durable);
      });
    }
    restartRules(context);
    boundRules(context);
  });
}

interface Context {
  readonly under: MqUnderTest;
  readonly mq: Mq;
  /** False where the driver cannot. */
  restart(): Promise<boolean>;
}

function orderRules(at: Context, durable: boolean): void {
  test("records of one partition come in the order they were sent, each once", async () => {
    const topic = makeTopic({ durable });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g", { recordsMax: 7 }), got.handler);
    await Promise.all(range(0, 40).map((i) => at.mq.send(out(topic, range(i * 5, 5)))));
    await until("200 records", () => got.records.length >= 200);
    expect(got.numbers()).toEqual(range(0, 200));
    expect(got.records.map((record) => record.offset)).toEqual(range(0, 200).map(BigInt));
    expect(got.batches.every((batch) => batch.length <= 7)).toBe(true);
  });

  test("one key has one partition, and keys spread over all", async () => {
    const topic = makeTopic({ durable });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), got.handler);
    await at.mq.send(out(topic, range(0, 300), (n) => `key-${n % 30}`));
    await until("300 records", () => got.records.length >= 300);
    const partitions = new Map<string | undefined, Set<number>>();
    for (const { key, partition } of got.records) {
      partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
    }
    expect([...partitions.values()].every((seen) => seen.size === 1)).toBe(true);
    expect(new Set(got.records.map((record) => record.partition)).size).toBe(3);
    for (const key of partitions.keys()) {
      const numbers = got.records.filter((record) => record.key === key).map((record) => record.value.n);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    // The Java client's partition of this key.
    expect(partitions.get("key-0")).toEqual(new Set([1]));
  });

  test("records without a key or partition spread, and all come", async () => {
    const topic = makeTopic({ durable });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), got.handler);
    await at.mq.send(range(0, 30).map((n) => outRecord(topic, undefined, { n })));
    await until("30 records", () => got.records.length >= 30);
    expect(got.numbers().toSorted((a, b) => a - b)).toEqual(range(0, 30));
  });

  test("spec 50 §2: every record carries the headers, the sender's win", async () => {
    const topic = makeTopic({ durable });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), got.handler);
    await at.mq.send([
      outRecord(topic, "k", { n: 1 }, { "X-Trace-ID": "t1", traceparent: "00-1" }),
      outRecord(topic, "k", { n: 2 }),
    ]);
    await until("2 records", () => got.records.length >= 2);
    const [first, second] = got.records;
    expect(first?.headers).toMatchObject({ "X-Trace-ID": "t1", traceparent: "00-1", "X-Type": "test.Value" });
    expect(first?.headers["X-Source"]).toBeString();
    expect(Number(first?.headers["X-Produced-At"])).toBe(first?.producedAtMs ?? 0);
    expect(second?.headers["X-Trace-ID"]).toMatch(/^[0-9a-f]{32}$/);
    expect(second?.headers["X-Trace-ID"]).toBe(second?.headers["X-Trace-ID"] ?? "");
  });

  test("DESIGN §2: one batch in flight per partition, what arrives meanwhile is the next batch", async () => {
    const topic = makeTopic({ durable });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const batches: number[][] = [];
    let inFlight = 0;
    let inFlightMax = 0;
    await at.mq.subscribe(topic, reading("g"), async (batch) => {
      inFlightMax = Math.max(inFlightMax, ++inFlight);
      batches.push(batch.records.map((record) => record.value.n));
      await gate;
      inFlight--;
      return all(batch);
    });
    await at.mq.send(out(topic, [0]));
    await until("first batch", () => batches.length === 1);
    for (const n of range(1, 20)) await at.mq.send(out(topic, [n]));
    open();
    await until("21 records", () => batches.flat().length >= 21);
    expect(batches).toEqual([[0], range(1, 20)]);
    expect(inFlightMax).toBe(1);
  });

  test("partitions do not wait for each other", async () => {
    const topic = makeTopic({ durable });
    const never = Promise.withResolvers<Outcome>();
    const seen: number[] = [];
    await at.mq.subscribe(topic, reading("g"), (batch) => {
      seen.push(batch.partition);
      return batch.partition === 0 ? never.promise : all(batch);
    });
    await at.mq.send(range(0, 3).map((partition) => ({ topic, partition, value: { n: partition } })));
    await until("all partitions", () => seen.length >= 3);
    expect(seen.toSorted()).toEqual([0, 1, 2]);
    never.resolve({ done: 1 });
  });

  test("a batch keeps to bytesMax, and a larger record comes alone", async () => {
    const topic = makeTopic({ durable, codec: { ...codec, sizeOf: (value) => codec.encode(value).byteLength } });
    const got = recorder();
    await at.mq.send(out(topic, range(0, 12)));
    await at.mq.subscribe(topic, reading("g", { bytesMax: 20 }), got.handler);
    await until("12 records", () => got.records.length >= 12);
    expect(got.numbers()).toEqual(range(0, 12));
    const wide = makeTopic({ durable, codec: topic.codec });
    const alone = recorder();
    await at.mq.send(out(wide, range(0, 3)));
    await at.mq.subscribe(wide, reading("g", { bytesMax: 1 }), alone.handler);
    await until("3 records", () => alone.records.length >= 3);
    expect(Math.max(...got.batches.map((batch) => batch.length))).toBe(2);
    expect(alone.batches).toEqual([[0], [1], [2]]);
  });

  test("idle: a record is delivered without a timer", async () => {
    if (at.under.clock === undefined) return;
    const topic = makeTopic({ durable });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), got.handler);
    await at.mq.send(out(topic, [1]));
    // The clock stands: had the delivery waited for it, nothing would come.
    await until("the record", () => got.records.length === 1);
  });

  test("two topics in one send, interleaved, each in its order", async () => {
    const a = makeTopic({ durable });
    const b = makeTopic({ durable: !durable });
    const gotA = recorder();
    const gotB = recorder();
    await at.mq.subscribe(a, reading("g"), gotA.handler);
    await at.mq.subscribe(b, reading("g"), gotB.handler);
    await at.mq.send(range(0, 50).flatMap((n) => [...out(a, [n]), ...out(b, [100 + n])]));
    await until("100 records", () => gotA.records.length + gotB.records.length >= 100);
    expect(gotA.numbers()).toEqual(range(0, 50));
    expect(gotB.numbers()).toEqual(range(100, 50));
  });
}

function groupRules(at: Context, durable: boolean): void {
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

function failureRules(at: Context, durable: boolean): void {
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

function disposeRules(at: Context, durable: boolean): void {
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

function restartRules(at: Context): void {
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

  test("a topic with another number of partitions is refused", async () => {
    const topic = makeTopic({ durable: true });
    await at.mq.ensureTopics([topic]);
    await at.mq.ensureTopics([topic]);
    const other: unknown = await at.mq.ensureTopics([{ ...topic, partitions: 4 }]).catch((error: unknown) => error);
    expect(other).toBeInstanceOf(Error);
    expect((await at.mq.health()).status).toBe("ok");
  });
}

function boundRules(at: Context): void {
  test("G4: at the bound a send is refused whole, waiting() says how full it is, and room comes back", async () => {
    const max = at.under.recordsMax;
    if (max === undefined) return;
    const topic = makeTopic({ durable: false });
    const other = makeTopic({ durable: false });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), async (batch, signal) => {
      await gate;
      return got.handler(batch, signal);
    });
    const gotOther = recorder();
    await at.mq.subscribe(other, reading("g"), gotOther.handler);
    await at.mq.send(out(topic, range(0, max - 1)));
    expect(at.mq.waiting(topic)).toEqual({ records: max - 1, bytes: 20 * (max - 1) });
    const refused: unknown = await at.mq
      .send([...out(other, [1]), ...out(topic, [-1, -2])])
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MqFullError);
    await at.mq.send(out(topic, [max - 1]));
    await at.mq.send(out(other, [2]));
    open();
    await until("all", () => got.records.length >= max && gotOther.records.length >= 1);
    expect(got.numbers()).toEqual(range(0, max));
    expect(gotOther.numbers()).toEqual([2]);
    await until("nothing waits", () => at.mq.waiting().records === 0 && at.mq.waiting().bytes === 0);
    await at.mq.send(out(topic, range(0, max)));
  });

  test("G4: a topic that nobody reads keeps a few and refuses nobody", async () => {
    const max = at.under.recordsMax;
    if (max === undefined) return;
    const topic = makeTopic({ durable: false });
    for (const i of range(0, 30)) await at.mq.send(out(topic, range(i * max, max)));
    expect(at.mq.waiting()).toEqual({ records: 0, bytes: 0 });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), got.handler);
    await until("the newest", () => got.numbers().at(-1) === 30 * max - 1);
    expect(got.records.length).toBeLessThanOrEqual(max);
  });

  test("G4: a group that commits nothing is overrun and told, the sender goes on", async () => {
    const max = at.under.recordsMax;
    if (max === undefined) return;
    const topic = makeTopic({ durable: false });
    const reasons: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const got = recorder();
    const options = reading("g", { from: "end", commits: false, recordsMax: 1, onReset: (why) => reasons.push(why) });
    await at.mq.subscribe(topic, options, async (batch, signal) => {
      await gate;
      return got.handler(batch, signal);
    });
    for (const i of range(0, 5)) await at.mq.send(out(topic, range(i * max, max)));
    open();
    await until("the newest", () => got.numbers().at(-1) === 5 * max - 1);
    expect(reasons).toHaveLength(1);
    expect(got.records.length).toBeLessThanOrEqual(max + 1);
    expect(got.numbers()).toEqual(got.numbers().toSorted((a, b) => a - b));
  });
}
