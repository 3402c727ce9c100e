import { createRemoteErrors } from "../bridge/errors.ts";
import type { Peer } from "../bridge/peer.ts";
import type { MqHostVerbs } from "./bridge-host.ts";
import {
  type Batch,
  type Handler,
  type Headers,
  type InRecord,
  type Mq,
  MqError,
  MqFullError,
  MqUnavailableError,
  type Outcome,
  type OutRecord,
  type SubscribeOptions,
  type Topic,
  type Waiting,
} from "./mq.ts";

/** A record as it crosses the line. */
export interface WireOut {
  readonly topic: string;
  readonly key: string | undefined;
  readonly partition: number | undefined;
  readonly value: Uint8Array;
  readonly headers: Headers | undefined;
}

export interface WireIn {
  readonly offset: bigint;
  readonly key: string | undefined;
  readonly value: Uint8Array;
  readonly headers: Headers;
  readonly traceparent: string | undefined;
  readonly producedAtMs: number;
}

/** What the process with the log calls here. */
export interface MqGuestVerbs {
  readonly batch: (subscription: number, partition: number, records: readonly WireIn[]) => Promise<Outcome>;
  readonly abort: (subscription: number) => void;
  readonly reset: (subscription: number, reason: string) => void;
}

export const mqErrors = createRemoteErrors(
  [MqFullError, MqUnavailableError],
  () => new MqUnavailableError("the process with the log is gone"),
);

const nothing: Waiting = { records: 0, bytes: 0 };

interface Reading {
  readonly topic: Topic<unknown>;
  readonly handler: Handler<unknown>;
  readonly options: SubscribeOptions;
  readonly ended: AbortController;
}

/** The log of another process of this machine, over a line to it: the port as that log keeps it, a structured clone and two
 *  copies through the kernel per batch later. At most one batch per partition and group is on the line. When the line is
 *  closed everything rejects with MqUnavailableError; it never comes back, so the process is to end. */
export function createBridgeMq(peer: Peer): Mq {
  const remote = peer.remote<MqHostVerbs>("mq", mqErrors);
  const readings = new Map<number, Reading>();
  /** Sends that have not resolved, by topic name. */
  const own = new Map<string, Waiting>();
  /** What the log said last that it holds, by topic name; "" for all. */
  const told = new Map<string, Waiting>();
  let asking = false;
  let subscriptions = 0;
  let closed = false;
  let disposed: Promise<void> | undefined;

  const checkOpen = (): void => {
    if (closed) throw new MqUnavailableError("the log is closed");
  };
  const take = (all: Readonly<Record<string, Waiting>>): void => {
    for (const [name, waiting] of Object.entries(all)) told.set(name, waiting);
  };
  const ask = (): void => {
    if (asking || closed || peer.closed.aborted) return;
    asking = true;
    remote
      .waiting([...told.keys()].filter((name) => name !== ""))
      // What is told stays as it was: the line is closed, and so will every send be refused.
      .then(take, () => undefined)
      .finally(() => {
        asking = false;
      });
  };

  const hold = ({ topic, value }: OutRecord, sign: 1 | -1): void => {
    const { records, bytes } = own.get(topic.name) ?? nothing;
    own.set(topic.name, { records: records + sign, bytes: bytes + sign * topic.codec.sizeOf(value) });
  };

  const verbs: MqGuestVerbs = {
    async batch(subscription, partition, records) {
      const reading = readings.get(subscription);
      if (reading === undefined) throw new MqUnavailableError("the subscription has ended");
      const { topic, handler, ended } = reading;
      const batch: Batch<unknown> = {
        topic,
        partition,
        records: records.map((one): InRecord<unknown> => ({ ...one, partition, value: topic.codec.decode(one.value) })),
      };
      return handler(batch, ended.signal);
    },
    abort: (subscription) => readings.get(subscription)?.ended.abort(),
    reset: (subscription, reason) => readings.get(subscription)?.options.onReset?.(reason),
  };
  peer.serve("mq-guest", { ...verbs });

  async function send(records: readonly OutRecord[]): Promise<void> {
    checkOpen();
    for (const record of records) hold(record, 1);
    try {
      take(await remote.send(records.map(wireOf)));
    } finally {
      for (const record of records) hold(record, -1);
    }
  }

  /** What handlers send while they end is still taken. */
  async function dispose(): Promise<void> {
    await remote.unsubscribeAll().catch(() => undefined);
    closed = true;
    readings.clear();
  }

  return {
    send,
    waiting(topic) {
      let { records, bytes } = told.get(topic?.name ?? "") ?? nothing;
      if (records > 0) ask();
      for (const mine of topic === undefined ? own.values() : [own.get(topic.name) ?? nothing]) {
        records += mine.records;
        bytes += mine.bytes;
      }
      return { records, bytes };
    },
    async subscribe<T>(topic: Topic<T>, options: SubscribeOptions, handler: Handler<T>) {
      if (disposed !== undefined) throw new MqUnavailableError("the log is closed");
      if ((options.heldMax ?? 0) > 0) throw new MqError("records cannot be held over the line to another process");
      subscriptions += 1;
      const id = subscriptions;
      const { onReset: _, ...plain } = options;
      // The records that arrive under this number were decoded by this topic's codec.
      readings.set(id, { topic, options, handler: handler as Handler<unknown>, ended: new AbortController() });
      try {
        await remote.subscribe(id, topic.name, plain);
      } catch (error) {
        readings.delete(id);
        throw error;
      }
      return {
        lag: () => remote.lag(id),
        async [Symbol.asyncDispose]() {
          if (!readings.has(id)) return;
          // With the line the subscription is gone as well.
          await remote.unsubscribe(id).catch((error: unknown) => {
            if (!(error instanceof MqUnavailableError)) throw error;
          });
          readings.delete(id);
        },
      };
    },
    async ensureTopics(all) {
      checkOpen();
      await remote.ensureTopics(all.map(({ name }) => name));
    },
    async partitionsOf(topic) {
      checkOpen();
      return remote.partitionsOf(topic.name);
    },
    async health() {
      if (closed || peer.closed.aborted) return { status: "down", reason: "closed" };
      return remote.health();
    },
    [Symbol.asyncDispose]() {
      disposed ??= dispose();
      return disposed;
    },
  };
}

function wireOf({ topic, key, partition, value, headers }: OutRecord): WireOut {
  return { topic: topic.name, key, partition, value: topic.codec.encode(value), headers };
}
