import { expect, test } from "bun:test";
import type { Producer, ProducerBatch, RecordMetadata } from "kafkajs";
import { silentLogger } from "../clog/clog.ts";
import { testSettings } from "./kafka-live-kit.ts";
import { type Batched, Call, PartitionQueue } from "./kafka-queue.ts";
import { createKafkaSender } from "./kafka-sender.ts";

const part = (partition: number): Batched => {
  const message = { key: null, value: Buffer.from(`${partition}`), partition };
  const call = new Call(1);
  return { queue: new PartitionQueue("t", partition, 0), pending: [{ message, bytes: 1, call }], bytes: 1 };
};
const answerFor = (partition: number): RecordMetadata => {
  return { topicName: "t", partition, errorCode: 0, baseOffset: "7" };
};

/** A client whose answers are given, one list per request. */
function clientOf(answers: RecordMetadata[][]) {
  const asked: (number | undefined)[][] = [];
  const sendBatch = async ({ topicMessages = [] }: ProducerBatch): Promise<RecordMetadata[]> => {
    asked.push(topicMessages.flatMap(({ messages }) => messages.map(({ partition }) => partition)));
    return answers.shift() ?? [];
  };
  const client: Pick<Producer, "sendBatch"> = { sendBatch };
  return { client, asked };
}

test("G1: a partition that no answer names was not written, and is sent again", async () => {
  const { client, asked } = clientOf([[answerFor(0)], [answerFor(1)]]);
  const sender = createKafkaSender(client, testSettings("127.0.0.1:1"), silentLogger);
  await sender.send([part(0), part(1)]);
  expect(asked).toEqual([[0, 1], [1]]);
});

test("G1: never answered is a failure", async () => {
  const { client, asked } = clientOf([]);
  const sender = createKafkaSender(client, testSettings("127.0.0.1:1", { retries: 2 }), silentLogger);
  expect(sender.send([part(0)])).rejects.toThrow("did not answer");
  await Bun.sleep(0);
  expect(asked).toEqual([[0], [0], [0]]);
});
