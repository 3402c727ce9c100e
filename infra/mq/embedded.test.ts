import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../clog/clog.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { mqConformance } from "./conformance.ts";
import type { Value } from "./conformance-kit.ts";
import { createEmbeddedMq, type EmbeddedMqOptions } from "./embedded.ts";
import { createGroupCommit } from "./group-commit.ts";
import { createInstruments } from "./instruments.ts";
import { createManualClock } from "./manual-clock.ts";
import { type Batch, deadLetterTopic, MqUnavailableError, type Topic } from "./mq.ts";
import { openSqliteLog } from "./sqlite-log.ts";

const folder = mkdtempSync(join(tmpdir(), "gochat-mq-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = () => join(folder, `log-${++files}.db`);

function create(file: string, change: Partial<EmbeddedMqOptions> = {}) {
  return createEmbeddedMq({ file, clog: silentLogger, metrics: createMetrics(), fsync: "os", ...change });
}

const limits = { recordsMax: 400, unreadRecordsMax: 100 };

mqConformance("embedded", async () => {
  const file = newFile();
  const clock = createManualClock();
  const mq = create(file, { clock, limits });
  return {
    mq,
    clock,
    recordsMax: limits.recordsMax,
    async restart() {
      await mq[Symbol.asyncDispose]();
      return create(file, { clock, limits });
    },
    // An offset out of range: retention takes away what the group has still to read.
    async loseGroup(topic) {
      clock.advance(topic.retentionMs + 120_000);
    },
  };
});

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() };
const topic: Topic<Value> = {
  name: "t",
  type: "test.Value",
  codec: {
    encode: (value) => utf8.encoder.encode(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(utf8.decoder.decode(bytes)),
    sizeOf: () => 20,
  },
  partitions: 2,
  durable: true,
  retentionMs: 60_000,
  deadLetter: true,
};
const options = { group: "g", from: "earliest", commits: true, recordsMax: 10, bytesMax: 1000 } as const;
const all = (batch: Batch<Value>) => Promise.resolve({ done: batch.records.length });
const send = (mq: ReturnType<typeof create>, numbers: number[], to = topic) =>
  mq.send(numbers.map((n) => ({ topic: to, partition: 0, value: { n } })));

async function until(condition: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 4000; !condition(); await Bun.sleep(1)) {
    if (Date.now() > endMs) throw new Error("not reached");
  }
}

async function readAll(mq: ReturnType<typeof create>, count: number, from: Topic<Value> = topic): Promise<number[]> {
  const got: number[] = [];
  const subscription = await mq.subscribe(from, { ...options, group: "reader", commits: false }, (batch) => {
    for (const record of batch.records) got.push(record.value.n);
    return all(batch);
  });
  await until(() => got.length >= count);
  await subscription[Symbol.asyncDispose]();
  return got;
}

test("spec 50 §7: what was sent is there after a kill, also what is only in the write-ahead log", async () => {
  const file = newFile();
  await using mq = create(file);
  await send(mq, [1, 2, 3]);
  const copy = newFile();
  for (const end of ["", "-wal"]) cpSync(file + end, copy + end);
  await using after = create(copy);
  expect(await readAll(after, 3)).toEqual([1, 2, 3]);
});

test("a second process is refused, and told why", async () => {
  const file = newFile();
  await using mq = create(file);
  await send(mq, [1]);
  const script = `
    import { openSqliteLog } from ${JSON.stringify(join(import.meta.dir, "sqlite-log.ts"))};
    try { openSqliteLog(${JSON.stringify(file)}, "os"); console.log("opened"); } catch (error) { console.log(error.message); }`;
  const child = Bun.spawnSync([process.execPath, "-e", script]);
  expect(child.stdout.toString()).toContain("is in use by another process");
});

test("spec 50 §5: an undecodable record goes to the dead letters as the bytes it was, without a retry", async () => {
  await using mq = create(newFile());
  const raw = new Uint8Array([0xff, 0xfe, 0x00]);
  const broken = { ...topic, codec: { ...topic.codec, encode: () => raw } };
  const got: number[] = [];
  await send(mq, [1]);
  await send(mq, [2], broken);
  await send(mq, [3]);
  const bytes: Topic<Uint8Array>["codec"] = { encode: (v) => v, decode: (v) => v, sizeOf: (v) => v.byteLength };
  const dead: { value: Uint8Array; code: string | undefined }[] = [];
  await mq.subscribe({ ...deadLetterTopic(topic), codec: bytes }, { ...options, group: "tool" }, async (batch) => {
    for (const { value, headers } of batch.records) dead.push({ value, code: headers["X-Error-Code"] });
    return { done: batch.records.length };
  });
  await mq.subscribe(topic, options, (batch) => {
    for (const record of batch.records) got.push(record.value.n);
    return all(batch);
  });
  await until(() => got.length === 2 && dead.length === 1);
  expect(got).toEqual([1, 3]);
  expect(dead).toEqual([{ value: raw, code: "UNDECODABLE" }]);
});

test("retention by age removes what is older and keeps the offsets", async () => {
  const clock = createManualClock();
  const metrics = createMetrics();
  const file = newFile();
  {
    await using mq = create(file, { clock, metrics });
    await send(mq, [1, 2]);
    clock.advance(50_000);
    await send(mq, [3]);
    clock.advance(40_000);
    expect(await readAll(mq, 1)).toEqual([3]);
    clock.advance(120_000);
    expect(await metrics.render()).toContain('gochat_mq_dropped_total{topic="t",reason="retention"} 3');
  }
  await using mq = create(file, { clock });
  await send(mq, [4]);
  const offsets: bigint[] = [];
  await mq.subscribe(topic, options, (batch) => {
    for (const record of batch.records) offsets.push(record.offset);
    return all(batch);
  });
  await until(() => offsets.length === 1);
  expect(offsets).toEqual([3n]);
});

test("retention by size removes the oldest records of all", async () => {
  const clock = createManualClock();
  const wide: Topic<Value> = {
    ...topic,
    codec: {
      ...topic.codec,
      encode: (value) => utf8.encoder.encode(JSON.stringify({ ...value, pad: "x".repeat(1000) })),
    },
  };
  await using mq = create(newFile(), { clock, fileBytesMax: 2_000_000 });
  for (let i = 0; i < 30; i++)
    await send(
      mq,
      Array.from({ length: 100 }, (_, n) => i * 100 + n),
      wide,
    );
  for (let i = 0; i < 30; i++) clock.advance(1000);
  expect(await readAll(mq, 1000, wide)).toEqual(Array.from({ length: 1000 }, (_, n) => 2000 + n));
});

test("volatile: what every group has passed is let go, what one still needs is kept", async () => {
  await using mq = create(":memory:");
  const light = { ...topic, name: "light", durable: false, partitions: 1 };
  let gate = Promise.withResolvers<void>();
  let slow = 0;
  await mq.subscribe(light, { ...options, group: "fast" }, all);
  await mq.subscribe(light, { ...options, group: "slow", recordsMax: 5 }, async (batch) => {
    slow += batch.records.length;
    await gate.promise;
    return all(batch);
  });
  await send(mq, [1, 2, 3, 4, 5, 6, 7], light);
  await until(() => slow === 5);
  await Bun.sleep(2);
  expect(mq.waiting(light).records).toBe(7);
  const first = gate;
  gate = Promise.withResolvers();
  first.resolve();
  await until(() => slow === 7);
  expect(mq.waiting(light).records).toBe(2);
  gate.resolve();
  await until(() => mq.waiting().records === 0);
});

test("volatile: a group that left holds back a few records, and no sender", async () => {
  await using mq = create(":memory:", { limits });
  const light = { ...topic, name: "light", durable: false, partitions: 1 };
  const gone = await mq.subscribe(light, { ...options, group: "gone" }, all);
  await gone[Symbol.asyncDispose]();
  let got = 0;
  const here = await mq.subscribe(light, options, (batch) => {
    got += batch.records.length;
    return all(batch);
  });
  for (let i = 0; i < 30; i++) {
    await send(
      mq,
      Array.from({ length: 100 }, (_, n) => i * 100 + n),
      light,
    );
    await until(() => got === (i + 1) * 100);
  }
  await until(() => mq.waiting(light).records === 0);
  expect(mq.waiting(light)).toEqual({ records: 0, bytes: 0 });
  expect(await here.lag()).toBe(0);
  const back: number[] = [];
  await mq.subscribe(light, { ...options, group: "gone" }, (batch) => {
    for (const record of batch.records) back.push(record.value.n);
    return all(batch);
  });
  await until(() => back.at(-1) === 2999);
  expect(back).toHaveLength(limits.unreadRecordsMax);
});

test("volatile: idle delivery takes microtasks only", async () => {
  await using mq = create(":memory:");
  const light = { ...topic, name: "light", durable: false };
  let got = 0;
  await mq.subscribe(light, options, (batch) => {
    got += batch.records.length;
    return all(batch);
  });
  await send(mq, [1, 2], light);
  for (let i = 0; i < 3; i++) await Promise.resolve();
  expect(got).toBe(2);
});

test("one group is one member per topic: a second one is refused", async () => {
  await using mq = create(":memory:");
  for (const durable of [true, false]) {
    const one = { ...topic, name: `one-${durable}`, durable };
    const subscription = await mq.subscribe(one, options, all);
    expect(mq.subscribe(one, options, all)).rejects.toThrow("reads one-");
    await subscription[Symbol.asyncDispose]();
    await mq.subscribe(one, options, all);
  }
});

test("metrics count per topic and group", async () => {
  const metrics = createMetrics();
  const clock = createManualClock();
  await using mq = create(":memory:", { metrics, clock });
  let away = true;
  await mq.subscribe(topic, options, async (batch) => (away ? { done: 1 } : all(batch)));
  await send(mq, [1, 2, 3]);
  const has = async (line: string) => (await metrics.render()).split("\n").includes(line);
  const labels = '{topic="t",group="g"}';
  await until(() => clock.delays().length > 1);
  expect(await has('gochat_mq_produce_total{topic="t"} 3')).toBe(true);
  expect(await has(`gochat_mq_consume_total${labels} 1`)).toBe(true);
  expect(await has(`gochat_mq_lag${labels} 2`)).toBe(true);
  expect(await has(`gochat_partition_paused${labels} 1`)).toBe(true);
  away = false;
  clock.advance(100);
  while (!(await has(`gochat_mq_consume_total${labels} 3`))) await Bun.sleep(1);
  expect(await has(`gochat_mq_lag${labels} 0`)).toBe(true);
  expect(await has(`gochat_partition_paused${labels} 0`)).toBe(true);
  expect(await has(`gochat_mq_handle_seconds_count${labels} 2`)).toBe(true);
});

test("a transaction that fails rejects its senders, keeps nothing of them, and offsets are tried again", async () => {
  const file = openSqliteLog(":memory:", "os");
  const clock = createManualClock();
  let broken = true;
  const failing = {
    ...file,
    transaction(body: () => void) {
      file.transaction(() => {
        body();
        if (broken) throw new Error("disk I/O error");
      });
    },
  };
  const [row] = file.openTopic("t", 1);
  const log = row?.log ?? 0;
  const commits = createGroupCommit(failing, clock, silentLogger, createInstruments(createMetrics()));
  const partition = { log, readers: [], next: 0 };
  const record = { key: "k", value: new Uint8Array([1]), headers: "{}", producedAtMs: 1 };
  commits.commit("g", log, 5);
  const refused: unknown = await commits.append([{ topicName: "t", partition, record }], 1).catch((error) => error);
  expect(refused).toBeInstanceOf(MqUnavailableError);
  expect(commits.failure()).toBe("disk I/O error");
  expect(file.read(log, 0, 10, 1000)).toEqual([]);
  broken = false;
  clock.advance(1000);
  await until(() => file.committed("g", log) === 5);
  await commits.append([{ topicName: "t", partition, record }], 1);
  expect(file.read(log, 0, 10, 1000)).toEqual([{ ...record, offset: 0 }]);
  expect(commits.failure()).toBeUndefined();
  file.close();
});
