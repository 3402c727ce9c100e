import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createEmbeddedMq } from "#infra/mq/embedded.ts";
import { deadLetterTopic, type Mq, MqUnavailableError, type OutRecord, outRecord } from "#infra/mq/mq.ts";
import { noTracer } from "#infra/trace/trace.ts";
import { MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { PushRowSchema } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import { type FanoutTask, FanoutTaskSchema } from "#proto/gen/gochat/mq/v1/stored_pb.ts";
import { topics } from "#proto/topics.ts";
import { subscribeFanout } from "./fanout.ts";

const limits = { rowsMax: 1000, bytesMax: 512 * 1024 };

function task(conversationId: string, seqs: readonly number[]): FanoutTask {
  const rows = seqs.map((seq) => create(PushRowSchema, { message: create(MessageSchema, { seqId: BigInt(seq) }) }));
  return create(FanoutTaskSchema, { conversationId, rows, traceId: "trace" });
}

async function until(condition: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 4000; !condition(); await Bun.sleep(1)) {
    if (Date.now() > endMs) throw new Error("not reached");
  }
}

/** An mq whose broadcasts may be held or refused, and what came out of it. */
async function setup() {
  const metrics = createMetrics();
  const real = createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics });
  const control: { before: () => Promise<void> } = { before: () => Promise.resolve() };
  const mq: Mq = {
    send: async (records: readonly OutRecord[]) => {
      if (records.some((record) => record.topic.name === topics.broadcast.name)) await control.before();
      return await real.send(records);
    },
    waiting: (topic) => real.waiting(topic),
    subscribe: (topic, options, handler) => real.subscribe(topic, options, handler),
    ensureTopics: (all) => real.ensureTopics(all),
    partitionsOf: (topic) => real.partitionsOf(topic),
    health: () => real.health(),
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
  const seen: { key: string | undefined; seqs: number[]; trace: string | undefined }[] = [];
  const options = { group: "gateway", from: "end", commits: false, recordsMax: 100, bytesMax: 1e7 } as const;
  await real.subscribe(topics.broadcast, options, async ({ records }) => {
    for (const { key, value, headers } of records) {
      const seqs = value.body.case === "push" ? value.body.value.rows.map((row) => Number(row.message?.seqId)) : [];
      seen.push({ key, seqs, trace: headers["X-Trace-ID"] });
    }
    return { done: records.length };
  });
  await subscribeFanout(limits, { mq, clog: silentLogger, metrics, tracer: noTracer, clock: Date.now });
  const send = (...tasks: FanoutTask[]) =>
    real.send(tasks.map((value) => outRecord(topics.fanout, value.conversationId, value)));
  return { real, metrics, control, seen, send };
}

test("spec 50 §4: idle, a task is broadcast at once under its conversation", async () => {
  const { real, seen, send } = await setup();
  await using _ = real;
  await send(task("world", [1, 2]));
  await until(() => seen.length === 1);
  expect(seen).toEqual([{ key: "world", seqs: [1, 2], trace: "trace" }]);
});

test("G5: what arrives while a broadcast is in flight is one record per conversation", async () => {
  const { real, seen, send, control } = await setup();
  await using _ = real;
  const { promise, resolve } = Promise.withResolvers<void>();
  let begun = false;
  control.before = () => {
    begun = true;
    return promise;
  };
  await send(task("world", [1]));
  await until(() => begun);
  for (let seq = 2; seq <= 50; seq++) await send(task("world", [seq]));
  resolve();
  await until(() => seen.length === 2);
  expect(seen.map(({ seqs }) => seqs)).toEqual([[1], Array.from({ length: 49 }, (_, i) => i + 2)]);
});

test("spec 50 §5: while the log is away the partition is paused, then everything goes out once, in order", async () => {
  const { real, seen, send, control, metrics } = await setup();
  await using _ = real;
  let refusals = 1;
  control.before = async () => {
    if (refusals-- > 0) throw new MqUnavailableError("away");
  };
  await send(task("world", [1]), task("world", [2]));
  await until(() => seen.length > 0);
  expect(seen.map(({ seqs }) => seqs)).toEqual([[1, 2]]);
  expect(await metrics.render()).not.toMatch(/gochat_mq_dlq_total\{.*fanout.*\} [1-9]/);
});

test("a task without rows is a dead letter, the others go on", async () => {
  const { real, seen, send } = await setup();
  await using _ = real;
  let dead = 0;
  const options = { group: "tool", from: "earliest", commits: true, recordsMax: 10, bytesMax: 1e6 } as const;
  await real.subscribe(deadLetterTopic(topics.fanout), options, async ({ records }) => {
    dead += records.length;
    return { done: records.length };
  });
  await send(task("world", [1]), task("world", []), task("world", [2]));
  await until(() => seen.length === 1 && dead === 1);
  expect(seen[0]?.seqs).toEqual([1, 2]);
});
