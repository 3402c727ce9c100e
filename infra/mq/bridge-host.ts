import type { Peer } from "../bridge/peer.ts";
import { type MqGuestVerbs, mqErrors, type WireIn, type WireOut } from "./bridge.ts";
import type { InRecord, Mq, MqHealth, OutRecord, SubscribeOptions, Subscription, Topic, Waiting } from "./mq.ts";

/** What the process without a log calls here. */
export interface MqHostVerbs {
  /** Answers what waits now on the topics of the records, and under "" on all. */
  readonly send: (records: readonly WireOut[]) => Promise<Record<string, Waiting>>;
  readonly waiting: (topics: readonly string[]) => Record<string, Waiting>;
  readonly subscribe: (id: number, topic: string, options: Omit<SubscribeOptions, "onReset">) => Promise<void>;
  readonly unsubscribe: (id: number) => Promise<void>;
  readonly unsubscribeAll: () => Promise<void>;
  readonly lag: (id: number) => Promise<number>;
  readonly ensureTopics: (names: readonly string[]) => Promise<void>;
  readonly partitionsOf: (name: string) => Promise<number>;
  readonly health: () => Promise<MqHealth>;
}

/** Lets the process at the other end use this log. `topicOf` knows the topics of the program by name, and throws for
 *  others. Subscriptions of that process end with it. */
export function serveMq(peer: Peer, mq: Mq, topicOf: (name: string) => Topic<unknown>): void {
  const guest = peer.remote<MqGuestVerbs>("mq-guest", mqErrors);
  const subscriptions = new Map<number, Subscription>();

  const waiting = (names: Iterable<string>): Record<string, Waiting> => {
    const all: Record<string, Waiting> = { "": mq.waiting() };
    for (const name of names) all[name] = mq.waiting(topicOf(name));
    return all;
  };
  const unsubscribe = async (id: number): Promise<void> => {
    const subscription = subscriptions.get(id);
    await subscription?.[Symbol.asyncDispose]();
    subscriptions.delete(id);
  };
  const unsubscribeAll = async (): Promise<void> => {
    await Promise.all([...subscriptions.keys()].map(unsubscribe));
  };

  const verbs: MqHostVerbs = {
    async send(records) {
      await mq.send(records.map((record) => outOf(record, topicOf(record.topic))));
      return waiting(new Set(records.map(({ topic }) => topic)));
    },
    waiting,
    async subscribe(id, name, options) {
      const topic = topicOf(name);
      const onReset = (reason: string): void => void guest.reset(id, reason).catch(() => undefined);
      const subscription = await mq.subscribe(topic, { ...options, onReset }, async (batch, signal) => {
        const abort = (): void => void guest.abort(id).catch(() => undefined);
        signal.addEventListener("abort", abort, { once: true });
        try {
          return await guest.batch(
            id,
            batch.partition,
            batch.records.map((record) => wireOf(record, encoded(topic, record.value))),
          );
        } finally {
          signal.removeEventListener("abort", abort);
        }
      });
      subscriptions.set(id, subscription);
    },
    unsubscribe,
    unsubscribeAll,
    lag: async (id) => (await subscriptions.get(id)?.lag()) ?? 0,
    ensureTopics: (names) => mq.ensureTopics(names.map(topicOf)),
    partitionsOf: (name) => mq.partitionsOf(topicOf(name)),
    health: () => mq.health(),
  };
  peer.serve("mq", { ...verbs });
  // A handler whose process is gone rejects, so a dispose does not wait for it.
  peer.closed.addEventListener("abort", () => void unsubscribeAll().catch(() => undefined), { once: true });
}

/** The bytes of a value, made once for all processes that read it: values are immutable once sent. */
const bytesOfValues = new WeakMap<object, Uint8Array>();
function encoded(topic: Topic<unknown>, value: unknown): Uint8Array {
  if (typeof value !== "object" || value === null) return topic.codec.encode(value);
  const known = bytesOfValues.get(value);
  if (known !== undefined) return known;
  const bytes = topic.codec.encode(value);
  bytesOfValues.set(value, bytes);
  return bytes;
}

function outOf({ key, partition, value, headers }: WireOut, topic: Topic<unknown>): OutRecord {
  return { topic, key, partition, value: topic.codec.decode(value), headers };
}

function wireOf({ offset, key, headers, traceparent, producedAtMs }: InRecord<unknown>, value: Uint8Array): WireIn {
  return { offset, key, value, headers, traceparent, producedAtMs };
}
