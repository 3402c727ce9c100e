import { CompressionTypes, type Producer, type TopicMessages } from "kafkajs";
import type { Logger } from "../clog/clog.ts";
import type { KafkaSettings } from "./config.ts";
import type { Batched } from "./kafka-queue.ts";

/** Brings batches to the brokers. */
export interface KafkaSender {
  /** Resolves when every record is in the log of every replica in sync. Repeats inside. */
  send(parts: readonly Batched[]): Promise<void>;
}

/** A batch with a value of so many bytes is worth compressing. */
const compressFromBytes = 1024;

/** The client repeats a request whose broker did not answer; when the leader of a partition moved meanwhile to a broker
 *  that has answered already, the client takes the partition for done and never sends it. So only what the answers name
 *  is done, and the rest is sent again. */
export function createKafkaSender(
  producer: Pick<Producer, "sendBatch">,
  settings: KafkaSettings,
  clog: Logger,
): KafkaSender {
  return {
    async send(parts) {
      let left = parts;
      for (let round = 0; round <= settings.retries; round++) {
        const answers = await producer.sendBatch({
          acks: -1,
          timeout: settings.requestTimeout,
          compression: settings.compression === "gzip" && large(left) ? CompressionTypes.GZIP : CompressionTypes.None,
          topicMessages: messagesOf(left),
        });
        left = left.filter(({ queue }) => {
          return !answers.some(({ topicName, partition, errorCode }) => {
            return topicName === queue.topic && partition === queue.partition && errorCode === 0;
          });
        });
        if (left.length === 0) return;
        clog.warn("produce unanswered, sending again", { partitions: left.map(({ queue }) => queue.partition) });
      }
      throw new Error("the brokers did not answer for every partition");
    },
  };
}

function large(parts: readonly Batched[]): boolean {
  return parts.some(({ pending }) => pending.some(({ bytes }) => bytes >= compressFromBytes));
}

function messagesOf(parts: readonly Batched[]): TopicMessages[] {
  const byTopic = new Map<string, TopicMessages["messages"]>();
  for (const { queue, pending } of parts) {
    const messages = pending.map(({ message }) => message);
    const known = byTopic.get(queue.topic);
    if (known === undefined) byTopic.set(queue.topic, messages);
    else for (const message of messages) known.push(message);
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}
