import { expect, test } from "bun:test";
import { createBreakers } from "../breaker/breaker.ts";
import { silentLogger } from "../clog/clog.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { makeTopic, out, range, type Value } from "./conformance-kit.ts";
import { createInstruments } from "./instruments.ts";
import { isBrokerAway } from "./kafka.ts";
import { testSettings } from "./kafka-live-kit.ts";
import { createKafkaProducer } from "./kafka-producer.ts";
import type { Batched } from "./kafka-queue.ts";
import { createManualClock } from "./manual-clock.ts";
import { MqFullError, MqUnavailableError, type Topic } from "./mq.ts";

interface Sent {
  readonly parts: { topic: string; partition: number; numbers: number[] }[];
  readonly answer: PromiseWithResolvers<void>;
}

const numbersOf = ({ pending }: Batched): number[] =>
  pending.map(({ message }) => (JSON.parse(String(message.value)) as Value).n);

/** A producer in front of brokers that answer when the test says so. Partition p is led by broker p % 2. */
function setup() {
  const clock = createManualClock();
  const sent: Sent[] = [];
  const lookups = new Map<string, PromiseWithResolvers<void>>();
  const policies = { default: { failureThreshold: 1, successThreshold: 1, openMs: 2000 } };
  const breakers = createBreakers({ policies, isFailure: isBrokerAway }, { clock: clock.now });
  const settings = testSettings("127.0.0.1:1", { waitingRecords: 100, waitingBytes: 100_000, deliveryTimeout: 10_000 });
  const producer = createKafkaProducer(settings, {
    sender: {
      send(parts) {
        const answer = Promise.withResolvers<void>();
        const shown = parts.map((part) => {
          return { topic: part.queue.topic, partition: part.queue.partition, numbers: numbersOf(part) };
        });
        sent.push({ parts: shown, answer });
        return answer.promise;
      },
    },
    topics: {
      ensure: async () => {},
      async learn(topic) {
        await lookups.get(topic.name)?.promise;
        return { partitions: topic.partitions, leaders: range(0, topic.partitions).map((one) => one % 2) };
      },
    },
    breaker: breakers.get("mq:produce"),
    clock,
    clog: silentLogger,
    instruments: createInstruments(createMetrics()),
    source: "test",
  });
  return { producer, clock, sent, lookups };
}

/** The topic's partitions are known from here on. */
async function warm({ producer, sent }: ReturnType<typeof setup>, topic: Topic<Value>): Promise<void> {
  const first = producer.send(out(topic, [0]));
  await turns();
  sent.at(-1)?.answer.resolve();
  await first;
  sent.length = 0;
}

const turns = async (): Promise<void> => {
  for (const _ of range(0, 5)) await new Promise<void>((resolve) => setImmediate(resolve));
};
const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "taken",
    (error: unknown) => error,
  );

test("spec 60 §11: one produce in flight per topic partition, what arrives meanwhile is the next batch", async () => {
  const at = setup();
  const topic = makeTopic();
  await warm(at, topic);
  const first = at.producer.send(out(topic, [1, 2]));
  await turns();
  const later = [at.producer.send(out(topic, [3])), at.producer.send(out(topic, [4, 5]))];
  const other = at.producer.send([{ topic, partition: 1, value: { n: 9 } }]);
  await turns();
  expect(at.sent.map(({ parts }) => parts)).toEqual([
    [{ topic: topic.name, partition: 0, numbers: [1, 2] }],
    [{ topic: topic.name, partition: 1, numbers: [9] }],
  ]);
  at.sent[0]?.answer.resolve();
  await first;
  await turns();
  expect(at.sent[2]?.parts).toEqual([{ topic: topic.name, partition: 0, numbers: [3, 4, 5] }]);
  for (const { answer } of at.sent) answer.resolve();
  await Promise.all([...later, other]);
  expect(at.producer.waiting()).toEqual({ records: 0, bytes: 0 });
});

test("what is sent in one turn to partitions of one broker shares a request", async () => {
  const at = setup();
  const topic = makeTopic({ partitions: 4 });
  await warm(at, topic);
  const sends = range(0, 4).map((partition) => at.producer.send([{ topic, partition, value: { n: partition } }]));
  await turns();
  expect(at.sent.map(({ parts }) => parts.map(({ partition }) => partition))).toEqual([
    [0, 2],
    [1, 3],
  ]);
  for (const { answer } of at.sent) answer.resolve();
  await Promise.all(sends);
});

test("spec 50 §6: a batch has at most 500 records and 512 KiB", async () => {
  const at = setup();
  const topic = makeTopic();
  await warm(at, topic);
  const many = at.producer.send(out(topic, range(0, 1200)));
  for (const count of [500, 500, 200]) {
    await turns();
    expect(at.sent.at(-1)?.parts[0]?.numbers).toHaveLength(count);
    at.sent.at(-1)?.answer.resolve();
  }
  await many;
  const wide = { ...topic, codec: { ...topic.codec, encode: () => Buffer.from('{"n":0}'.padEnd(200 * 1024)) } };
  const bytes = at.producer.send(range(0, 5).map(() => ({ topic: wide, partition: 0, value: { n: 0 } })));
  for (const count of [2, 2, 1]) {
    await turns();
    expect(at.sent.at(-1)?.parts[0]?.numbers).toHaveLength(count);
    at.sent.at(-1)?.answer.resolve();
  }
  await bytes;
});

test("G4: past the bound nothing of a send is taken; a send alone is always taken", async () => {
  const at = setup();
  const topic = makeTopic();
  await warm(at, topic);
  const alone = at.producer.send(out(topic, range(0, 150)));
  expect(await refusal(at.producer.send(out(topic, [200])))).toBeInstanceOf(MqFullError);
  await turns();
  at.sent[0]?.answer.resolve();
  await alone;
  const most = at.producer.send(out(topic, range(0, 99)));
  expect(await refusal(at.producer.send(out(topic, [300, 301])))).toBeInstanceOf(MqFullError);
  const last = at.producer.send(out(topic, [302]));
  expect(at.producer.waiting(topic).records).toBe(100);
  await turns();
  expect(at.sent.slice(1).flatMap(({ parts }) => parts[0]?.numbers)).toEqual([...range(0, 99), 302]);
  at.sent[1]?.answer.resolve();
  await Promise.all([most, last]);
});

test("DESIGN §7: brokers away: what waits is refused, then everything at once, then one probe", async () => {
  const at = setup();
  const topic = makeTopic();
  await warm(at, topic);
  const first = refusal(at.producer.send(out(topic, [1])));
  await turns();
  const second = refusal(at.producer.send(out(topic, [2])));
  at.sent[0]?.answer.reject(new Error("connect ECONNREFUSED"));
  expect(await first).toBeInstanceOf(MqUnavailableError);
  expect(await second).toBeInstanceOf(MqUnavailableError);
  expect(await refusal(at.producer.send(out(topic, [3])))).toBeInstanceOf(MqUnavailableError);
  await turns();
  expect(at.sent).toHaveLength(1);
  at.clock.advance(2000);
  const probe = at.producer.send(out(topic, [4]));
  await turns();
  at.sent[1]?.answer.resolve();
  await probe;
  const after = at.producer.send(out(topic, [5]));
  await turns();
  at.sent[2]?.answer.resolve();
  await after;
  expect(at.sent.map(({ parts }) => parts[0]?.numbers)).toEqual([[1], [4], [5]]);
});

test("what a broker refuses for one topic leaves the others alone", async () => {
  const at = setup();
  const [bad, good] = [makeTopic(), makeTopic()];
  await warm(at, bad);
  await warm(at, good);
  const refused = refusal(at.producer.send(out(bad, [1])));
  await turns();
  at.sent[0]?.answer.reject(Object.assign(new Error("not allowed"), { type: "TOPIC_AUTHORIZATION_FAILED" }));
  expect(await refused).toBeInstanceOf(MqUnavailableError);
  const taken = at.producer.send(out(good, [2]));
  await turns();
  at.sent[1]?.answer.resolve();
  await taken;
});

test("a partition that does not answer takes no more after 3 s, and its next batch waits until the client gave up", async () => {
  const at = setup();
  const topic = makeTopic();
  await warm(at, topic);
  const first = refusal(at.producer.send(out(topic, [1])));
  await turns();
  const second = refusal(at.producer.send(out(topic, [2])));
  at.clock.advance(3001);
  expect(await refusal(at.producer.send(out(topic, [3])))).toBeInstanceOf(MqUnavailableError);
  const other = at.producer.send([{ topic, partition: 1, value: { n: 9 } }]);
  await turns();
  at.sent[1]?.answer.resolve();
  await other;
  at.clock.advance(7000);
  expect(await first).toBeInstanceOf(MqUnavailableError);
  await turns();
  expect(at.sent).toHaveLength(2);
  at.clock.advance(2000);
  at.sent[0]?.answer.reject(new Error("gave up"));
  await turns();
  expect(at.sent[2]?.parts[0]?.numbers).toEqual([2]);
  at.sent[2]?.answer.resolve();
  expect(await second).toBe("taken");
});

test("a send behind one whose topic is not known yet keeps its place", async () => {
  const at = setup();
  const [known, unknown] = [makeTopic(), makeTopic()];
  await warm(at, known);
  const lookup = Promise.withResolvers<void>();
  at.lookups.set(unknown.name, lookup);
  const first = at.producer.send([...out(unknown, [1]), ...out(known, [2])]);
  const second = at.producer.send(out(known, [3]));
  await turns();
  expect(at.sent).toEqual([]);
  expect(at.producer.waiting().records).toBe(3);
  lookup.resolve();
  await turns();
  const numbers = at.sent.flatMap(({ parts }) => parts.filter((one) => one.topic === known.name));
  expect(numbers.flatMap((one) => one.numbers)).toEqual([2, 3]);
  for (const { answer } of at.sent) answer.resolve();
  await Promise.all([first, second]);
});

test("a record that is larger than the topic takes is refused before anything is taken", async () => {
  const at = setup();
  const topic = makeTopic({ recordBytesMax: 10_000 });
  await warm(at, topic);
  const wide = { ...topic, codec: { ...topic.codec, encode: () => new Uint8Array(9000) } };
  expect(String(await refusal(at.producer.send([...out(topic, [1]), ...out(wide, [2])])))).toContain("too large");
  await turns();
  expect(at.sent).toEqual([]);
  expect(at.producer.waiting()).toEqual({ records: 0, bytes: 0 });
});

test("close waits for what was taken", async () => {
  const at = setup();
  const topic = makeTopic();
  await warm(at, topic);
  const last = at.producer.send(out(topic, [1]));
  let closed = false;
  const closing = at.producer.close().then(() => {
    closed = true;
  });
  expect(await refusal(at.producer.send(out(topic, [2])))).toBeInstanceOf(MqUnavailableError);
  await turns();
  expect(closed).toBe(false);
  at.sent[0]?.answer.resolve();
  await Promise.all([last, closing]);
});
