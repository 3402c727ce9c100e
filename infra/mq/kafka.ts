import { readFileSync } from "node:fs";
import { type Breaker, type Breakers, type BreakersOptions, createBreakers } from "../breaker/breaker.ts";
import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { KafkaSettings } from "./config.ts";
import { createInstruments } from "./instruments.ts";
import { createKafkaClient, retryOf } from "./kafka-client.ts";
import { type KafkaConsumerDeps, type KafkaSubscription, startKafkaConsumer } from "./kafka-consumer.ts";
import { createHealth } from "./kafka-health.ts";
import { createKafkaProducer } from "./kafka-producer.ts";
import { createKafkaSender } from "./kafka-sender.ts";
import { createKafkaTopics, messageOf } from "./kafka-topics.ts";
import { type Mq, type MqClock, MqError, MqUnavailableError, systemClock } from "./mq.ts";

export interface KafkaMqDeps {
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly clock?: MqClock | undefined;
  /** 0 … 1, for jitter. */
  readonly random?: (() => number) | undefined;
  /** `X-Source` of the records. */
  readonly source?: string | undefined;
  /** How long a dispose waits for handlers, twice: before and after it ends their signal. */
  readonly drainMs?: number | undefined;
  /** Around every request that produces; its failures should be those of `isBrokerAway`. */
  readonly breaker?: Breaker | undefined;
  /** Gives the text of a PEM file. */
  readonly readFile?: ((path: string) => string) | undefined;
}

const drainMs = 5000;

/** A request was repeated inside already, so one failure opens; and the brokers are mostly back within seconds. */
const producePolicy = { failureThreshold: 1, successThreshold: 1, openMs: 2000 };

/** The log on Kafka. Rejects with MqUnavailableError when no broker answers.
 *  Values cross the codec only here; `durable` of a topic has no meaning, everything is kept. */
export async function connectKafkaMq(settings: KafkaSettings, deps: KafkaMqDeps): Promise<Mq> {
  const clock = deps.clock ?? systemClock;
  const clog = deps.clog.namespace("mq");
  const instruments = createInstruments(deps.metrics);
  const kafka = createKafkaClient(settings, clog, deps.readFile ?? ((path) => readFileSync(path, "utf8")));
  const admin = kafka.admin({ retry: retryOf(settings.retries) });
  const client = kafka.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
    retry: retryOf(settings.retries),
  });
  try {
    await Promise.all([admin.connect(), client.connect()]);
  } catch (error) {
    await Promise.allSettled([admin.disconnect(), client.disconnect()]);
    const where = settings.brokers.join(", ");
    throw new MqUnavailableError(`no Kafka broker answers at ${where}: ${messageOf(error)}`, { cause: error });
  }
  const topics = createKafkaTopics(admin, settings);
  const producer = createKafkaProducer(settings, {
    sender: createKafkaSender(client, settings, clog),
    topics,
    breaker: deps.breaker ?? produceBreaker((options) => createBreakers(options, { clog, metrics: deps.metrics })),
    clock,
    clog,
    instruments,
    source: deps.source ?? "gochat",
  });
  const subscriptions = new Set<KafkaSubscription>();
  const health = createHealth(admin, subscriptions, clock);
  const consumerDeps: KafkaConsumerDeps = {
    kafka,
    admin,
    settings,
    clock,
    random: deps.random ?? Math.random,
    clog,
    instruments,
    drainMs: deps.drainMs ?? drainMs,
    send: (records) => producer.send(records),
  };
  let disposed: Promise<void> | undefined;

  async function dispose(): Promise<void> {
    await Promise.all([...subscriptions].map((one) => one[Symbol.asyncDispose]()));
    await producer.close();
    await Promise.allSettled([client.disconnect(), admin.disconnect()]);
  }

  return {
    send: (records) => producer.send(records),
    waiting: (topic) => producer.waiting(topic),
    async subscribe(topic, options, handler) {
      if (disposed !== undefined) throw new MqUnavailableError("the log is closed");
      if (options.recordsMax < 1) throw new RangeError("recordsMax is below 1");
      await topics.learn(topic);
      const subscription = await startKafkaConsumer(topic, options, handler, consumerDeps);
      subscriptions.add(subscription);
      return {
        lag: () => subscription.lag(),
        async [Symbol.asyncDispose]() {
          await subscription[Symbol.asyncDispose]();
          subscriptions.delete(subscription);
        },
      };
    },
    async ensureTopics(all) {
      if (disposed !== undefined) throw new MqUnavailableError("the log is closed");
      await topics.ensure(all);
    },
    partitionsOf: async (topic) => (await topics.learn(topic)).partitions,
    health: () => (disposed === undefined ? health() : Promise.resolve({ status: "down", reason: "closed" })),
    [Symbol.asyncDispose]() {
      disposed ??= dispose();
      return disposed;
    },
  };
}

/** Whether an error says that brokers are away; what a broker answers for one topic does not. */
export function isBrokerAway(error: unknown): boolean {
  if (error instanceof MqError && error.cause === undefined) return false;
  for (let at: unknown = error; at instanceof Error; at = at.cause) if ("type" in at) return false;
  return true;
}

/** The breaker of a process's produces; `breakers` decides whose policies it follows. */
export function produceBreaker(breakers: (options: BreakersOptions) => Breakers): Breaker {
  const name = "mq:produce";
  return breakers({ policies: { [name]: producePolicy }, isFailure: isBrokerAway }).get(name);
}
