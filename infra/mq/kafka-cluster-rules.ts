import { describe, expect, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { all, makeTopic, out, range, reading, recorder, until, type Value } from "./conformance-kit.ts";
import { connectKafkaAdmin } from "./kafka-admin.ts";
import { connect, sessionMs, testSettings } from "./kafka-live-kit.ts";
import { type Batch, deadLetterTopic, type InRecord, type Outcome } from "./mq.ts";

/** Rules of the Kafka driver alone, on a cluster that stays up. */
export function clusterRules(broker: string): void {
  describe(`Kafka at ${broker}`, () => {
    rebalanceRules(broker);
    settingRules(broker);
  });
}

function rebalanceRules(broker: string): void {
  test("a rebalance: members share the partitions, none is lost, and each is told", async () => {
    await using one = await connect(broker);
    await using two = await connect(broker);
    const topic = makeTopic({ partitions: 6 });
    const [first, second] = [recorder(), recorder()];
    const reasons: string[] = [];
    const options = reading("g", { onReset: (reason) => reasons.push(reason) });
    await one.subscribe(topic, options, first.handler);
    const send = async (from: number): Promise<void> => {
      await one.send(range(from, 60).map((n) => ({ topic, partition: n % 6, value: { n } })));
    };
    await send(0);
    await until("the first alone", () => first.records.length === 60);
    const joined = await two.subscribe(topic, reading("g"), second.handler);
    await until("the first is told", () => reasons.length > 0);
    await send(60);
    await until("both read", () => partitionsOf(second.records).size === 3 && distinct(first, second).length === 120);
    await joined[Symbol.asyncDispose]();
    await send(120);
    await until("the first has all again", () => distinct(first, second).length === 180);
    expect(distinct(first, second)).toEqual(range(0, 180));
    expect(inOrder(first.records) && inOrder(second.records)).toBe(true);
  });

  test("a rebalance in the middle of a batch: the batch ends, nothing is lost, one batch per partition in a process", async () => {
    await using one = await connect(broker);
    await using two = await connect(broker);
    const topic = makeTopic({ partitions: 2 });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const [first, second] = [recorder(), recorder()];
    const inFlight = [0, 0];
    let inFlightMax = 0;
    const slow = async (batch: Batch<Value>, signal: AbortSignal): Promise<Outcome> => {
      const now = (inFlight[batch.partition] ?? 0) + 1;
      inFlight[batch.partition] = now;
      inFlightMax = Math.max(inFlightMax, now);
      await gate;
      inFlight[batch.partition] = now - 1;
      return first.handler(batch, signal);
    };
    await one.subscribe(topic, reading("g", { recordsMax: 5 }), slow);
    const records = (from: number) => range(from, 40).map((n) => ({ topic, partition: n % 2, value: { n } }));
    await one.send(records(0));
    await until("both partitions are busy", () => inFlight[0] === 1 && inFlight[1] === 1);
    const joined = await two.subscribe(topic, reading("g"), second.handler);
    await until("the second has one partition, from its start", () => second.records.length === 20);
    // It comes back while its old batch is still under way.
    await joined[Symbol.asyncDispose]();
    await one.send(records(40));
    open();
    await until("all", () => distinct(first, second).length === 80);
    expect(distinct(first, second)).toEqual(range(0, 80));
    expect(inFlightMax).toBe(1);
  });

  test("members of one group that read different topics keep them", async () => {
    await using mq = await connect(broker);
    const [a, b] = [makeTopic(), makeTopic()];
    const [gotA, gotB] = [recorder(), recorder()];
    await mq.subscribe(a, reading("g"), gotA.handler);
    await mq.subscribe(b, reading("g"), gotB.handler);
    await mq.send(range(0, 30).flatMap((n) => [out(a, [n]), out(b, [n])].flat()));
    await until("both", () => gotA.records.length === 30 && gotB.records.length === 30);
  });

  test("a handler that takes longer than the session keeps its partition", async () => {
    await using mq = await connect(broker);
    const topic = makeTopic({ partitions: 1 });
    const reasons: string[] = [];
    const { promise: handled, resolve } = Promise.withResolvers<void>();
    await mq.subscribe(topic, reading("g", { onReset: (reason) => reasons.push(reason) }), async (batch) => {
      await Bun.sleep(sessionMs + 1000);
      resolve();
      return all(batch);
    });
    await mq.send(out(topic, [1]));
    await handled;
    expect(reasons).toEqual([]);
  });
}

function settingRules(broker: string): void {
  test("spec 50 §1: a topic is made with its retention, size and dead letters, and told back", async () => {
    await using mq = await connect(broker);
    await using admin = await connectKafkaAdmin(testSettings(broker), silentLogger);
    const topic = makeTopic({ partitions: 2, retentionMs: 3_600_000, recordBytesMax: 2_097_152 });
    await mq.ensureTopics([topic]);
    expect((await admin.describe(topic.name))?.config).toMatchObject({
      "retention.ms": "3600000",
      "segment.ms": "600000",
      "max.message.bytes": "2097152",
      "cleanup.policy": "delete",
    });
    const dead = await admin.describe(deadLetterTopic(topic).name);
    expect(dead?.partitions).toHaveLength(1);
    expect(dead?.config["retention.ms"]).toBe(String(30 * 24 * 3_600_000));
    await admin.remove([topic.name, `${topic.name}.dlq`]);
  });

  test("production size: keys spread over the topic's larger number of partitions", async () => {
    await using mq = await connect(broker, { size: "production" });
    const topic = makeTopic({ partitions: 2, partitionsProduction: 8 });
    await mq.ensureTopics([topic]);
    expect(await mq.partitionsOf(topic)).toBe(8);
    const got = recorder();
    await mq.subscribe(topic, reading("g"), got.handler);
    await mq.send(out(topic, range(0, 100), (n) => `key-${n}`));
    await until("all", () => got.records.length === 100);
    expect(partitionsOf(got.records).size).toBe(8);
  });

  test("a topic that must not be made at its first use is missing, and said so at once", async () => {
    await using mq = await connect(broker, { createTopics: false });
    const refused: unknown = await mq.send(out(makeTopic(), [1])).catch((error: unknown) => error);
    expect(String(refused)).toContain("there is no topic");
  });

  test("undecodable bytes are dead-lettered as they are, with the headers of spec 50 §2", async () => {
    await using mq = await connect(broker);
    const topic = makeTopic();
    const bytes = { encode: (v: Uint8Array) => v, decode: (v: Uint8Array) => v, sizeOf: (v: Uint8Array) => v.length };
    const raw = { ...topic, codec: bytes };
    await mq.send([{ topic: raw, key: "k", value: new Uint8Array([0xff, 1, 2]) }, ...out(topic, [1])]);
    const got = recorder();
    await mq.subscribe(topic, reading("g"), got.handler);
    const dead: InRecord<Uint8Array>[] = [];
    await mq.subscribe({ ...raw, name: `${topic.name}.dlq` }, reading("tool"), async (batch) => {
      dead.push(...batch.records);
      return { done: batch.records.length };
    });
    await until("the dead letter", () => dead.length === 1 && got.records.length === 1);
    expect([...(dead[0]?.value ?? [])]).toEqual([0xff, 1, 2]);
    expect(dead[0]?.key).toBe("k");
    expect(dead[0]?.headers).toMatchObject({ "X-Error-Code": "UNDECODABLE", "X-Origin-Topic": topic.name });
  });

  test("gzip: records of 1 KiB and more come back as they were", async () => {
    await using mq = await connect(broker, { compression: "gzip" });
    const topic = makeTopic();
    const text = "x".repeat(5000);
    const bytes = { encode: (v: string) => Buffer.from(v), decode: (v: Uint8Array) => String(v), sizeOf: () => 5000 };
    const wide = { ...topic, codec: bytes };
    await mq.send([{ topic: wide, partition: 0, value: text }]);
    const values: string[] = [];
    await mq.subscribe(wide, reading("g"), async (batch) => {
      values.push(...batch.records.map(({ value }) => value));
      return { done: batch.records.length };
    });
    await until("the record", () => values.length === 1);
    expect(values).toEqual([text]);
  });

  test("lag is a metric, and health is asked of the cluster", async () => {
    const metrics = createMetrics();
    await using mq = await connect(broker, {}, { metrics });
    const topic = makeTopic();
    await mq.send(out(topic, range(0, 10)));
    await mq.subscribe(topic, reading("g", { recordsMax: 4 }), (batch) => {
      return (batch.records[0]?.offset ?? 0n) >= 4n ? Promise.resolve({ done: 0 }) : all(batch);
    });
    const lag = `gochat_mq_lag{topic="${topic.name}",group="g"} 6`;
    for (let text = ""; !text.includes(lag); text = await metrics.render()) await Bun.sleep(5);
    expect(await mq.health()).toEqual({ status: "ok" });
  });
}

function partitionsOf(records: readonly InRecord<Value>[]): Set<number> {
  return new Set(records.map(({ partition }) => partition));
}

function distinct(...from: { numbers(): number[] }[]): number[] {
  return [...new Set(from.flatMap((one) => one.numbers()))].toSorted((a, b) => a - b);
}

/** Within a partition nothing is skipped back: a record seen for the first time is newer than all seen before. */
function inOrder(records: readonly InRecord<Value>[]): boolean {
  const seen = new Map<number, Set<bigint>>();
  for (const { partition, offset } of records) {
    const known = seen.get(partition) ?? new Set();
    seen.set(partition, known);
    if (!known.has(offset) && [...known].some((one) => one > offset)) return false;
    known.add(offset);
  }
  return true;
}
