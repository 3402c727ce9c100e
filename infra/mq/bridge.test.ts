import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { channelPair } from "../bridge/channel.ts";
import { createPeer } from "../bridge/peer.ts";
import { silentLogger } from "../clog/clog.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createBridgeMq } from "./bridge.ts";
import { serveMq } from "./bridge-host.ts";
import { mqConformance } from "./conformance.ts";
import { all, makeTopic, out, reading, recorder, until } from "./conformance-kit.ts";
import { createEmbeddedMq } from "./embedded.ts";
import { createManualClock } from "./manual-clock.ts";
import { deadLetterTopic, type Mq, MqUnavailableError, type Topic } from "./mq.ts";

const folder = mkdtempSync(join(tmpdir(), "gochat-bridge-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const limits = { recordsMax: 400, unreadRecordsMax: 100 };

/** Topics of the tests by name: in the program the composition knows them. */
const known = new Map<string, Topic<unknown>>();
function knowing(mq: Mq): Mq {
  const learn = (topic: Topic<unknown>): void => {
    known.set(topic.name, topic);
    const dead = deadLetterTopic(topic);
    known.set(dead.name, dead);
  };
  return {
    ...mq,
    send(records) {
      for (const { topic } of records) learn(topic);
      return mq.send(records);
    },
    subscribe(topic, options, handler) {
      learn(topic);
      return mq.subscribe(topic, options, handler);
    },
    ensureTopics(topics) {
      topics.forEach(learn);
      return mq.ensureTopics(topics);
    },
    partitionsOf(topic) {
      learn(topic);
      return mq.partitionsOf(topic);
    },
    [Symbol.asyncDispose]: () => mq[Symbol.asyncDispose](),
  };
}

function topicOf(name: string): Topic<unknown> {
  const topic = known.get(name);
  if (topic === undefined) throw new Error(`no topic ${name}`);
  return topic;
}

function open(file: string, clock = createManualClock()) {
  const log = createEmbeddedMq({ file, clog: silentLogger, metrics: createMetrics(), fsync: "os", clock, limits });
  const line = channelPair();
  serveMq(createPeer(line.far), log, topicOf);
  const guest = createBridgeMq(createPeer(line.near));
  const mq = knowing({
    ...guest,
    async [Symbol.asyncDispose]() {
      await guest[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  });
  return { mq, log, line, clock };
}

mqConformance("bridge", async () => {
  files += 1;
  const file = join(folder, `log-${files}.db`);
  const { mq, clock } = open(file);
  return {
    mq,
    clock,
    recordsMax: limits.recordsMax,
    holds: false,
    async restart() {
      await mq[Symbol.asyncDispose]();
      return open(file, clock).mq;
    },
    async loseGroup(topic) {
      clock.advance(topic.retentionMs + 120_000);
    },
  };
});

test("G4: when the process with the log is gone, what waits and what comes is refused as unavailable", async () => {
  const { mq, log, line } = open(":memory:");
  const topic = makeTopic({ durable: false });
  await mq.subscribe(topic, reading("g"), all);
  const sending = mq.send(out(topic, [1])).catch((error: unknown) => error);
  line.close();
  expect(await sending).toBeInstanceOf(MqUnavailableError);
  expect(await mq.send(out(topic, [2])).catch((error: unknown) => error)).toBeInstanceOf(MqUnavailableError);
  expect((await mq.health()).status).toBe("down");
  await log[Symbol.asyncDispose]();
});

test("G1: what a gone process had not finished comes again to the next reader of its group", async () => {
  const { mq, log, line } = open(":memory:");
  const topic = makeTopic({ durable: false });
  let began = false;
  await mq.subscribe(topic, reading("g"), () => {
    began = true;
    return new Promise(() => {});
  });
  await mq.send(out(topic, [1]));
  await until("the first reader has it", () => began);
  line.close();
  const got = recorder();
  const join = (): Promise<boolean> =>
    log.subscribe(topic, reading("g"), got.handler).then(
      () => true,
      () => false,
    );
  // The group is free when the log has noticed that its reader is gone.
  while (!(await join())) await Bun.sleep(1);
  await until("the record", () => got.records.length > 0);
  expect(got.numbers()).toEqual([1]);
  await log[Symbol.asyncDispose]();
});
