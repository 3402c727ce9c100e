import { expect, test } from "bun:test";
import { all, type Context, codec, makeTopic, out, range, reading, recorder, until } from "./conformance-kit.ts";
import { type Outcome, outRecord } from "./mq.ts";

export function orderRules(at: Context, durable: boolean): void {
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
    expect([first?.traceparent, second?.traceparent]).toEqual(["00-1", undefined]);
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
    expect(batches.flat()).toEqual(range(0, 21));
    expect(batches[0]).toEqual([0]);
    // Behind a network the last ones may still be on their way when the handler ends.
    if (at.under.clock !== undefined) expect(batches).toHaveLength(2);
    expect(batches.length).toBeLessThan(10);
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
