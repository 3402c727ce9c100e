import { header } from "../mq/headers.ts";
import type { Batch, Handler, InRecord, Mq, OutRecord, SubscribeOptions, Topic } from "../mq/mq.ts";
import type { Span, Tracer } from "./trace.ts";

/** `gochat.messages.downstream.gateway-1` → `downstream`: the name of spans has to be of a small set. */
function shortName(topic: string): string {
  const parts = topic.split(".");
  return parts[2] ?? parts[1] ?? topic;
}

/** The context of the first record of a batch that has one: what a batch does is told to that trace. */
export function parentOfBatch(tracer: Tracer, records: readonly InRecord<unknown>[]): string | undefined {
  if (!tracer.enabled) return undefined;
  for (const record of records) if (record.traceparent !== undefined) return record.traceparent;
  return undefined;
}

/** The log with spans: `mq.produce {topic}` for each record that carries a `traceparent`, which it replaces by that of
 *  the span, and `mq.wait {topic}` from the produce to the handler, in every group. Records without one are looked at,
 *  no more; with sampling off not even that. */
export function tracedMq(mq: Mq, tracer: Tracer): Mq {
  function produced(records: readonly OutRecord[]): { records: readonly OutRecord[]; spans: Span[] } | undefined {
    let spans: Span[] | undefined;
    let out: OutRecord[] | undefined;
    for (const [index, record] of records.entries()) {
      const parent = record.headers?.[header.traceparent];
      if (parent === undefined) continue;
      const span = tracer.startSpan(`mq.produce ${shortName(record.topic.name)}`, parent, {
        kind: "producer",
        attributes: attributesOf(record.topic),
      });
      if (span === undefined) continue;
      spans ??= [];
      spans.push(span);
      out ??= records.slice();
      out[index] = { ...record, headers: { ...record.headers, [header.traceparent]: span.traceparent } };
    }
    return spans === undefined || out === undefined ? undefined : { records: out, spans };
  }

  async function sendTraced(records: readonly OutRecord[], spans: readonly Span[]): Promise<void> {
    try {
      await mq.send(records);
    } catch (error) {
      for (const span of spans) span.fail(error);
      throw error;
    } finally {
      for (const span of spans) span.end();
    }
  }

  function waited<T>({ topic, partition, records }: Batch<T>, group: string): void {
    for (const record of records) {
      const parent = record.traceparent;
      if (parent === undefined) continue;
      const span = tracer.startSpan(`mq.wait ${shortName(topic.name)}`, parent, {
        kind: "consumer",
        startMs: record.producedAtMs,
        attributes: { ...attributesOf(topic), "messaging.consumer.group.name": group, partition },
      });
      span?.end();
    }
  }

  return {
    send(records) {
      const traced = tracer.enabled ? produced(records) : undefined;
      return traced === undefined ? mq.send(records) : sendTraced(traced.records, traced.spans);
    },
    subscribe<T>(topic: Topic<T>, options: SubscribeOptions, handler: Handler<T>) {
      return mq.subscribe(topic, options, (batch, signal) => {
        if (tracer.enabled) waited(batch, options.group);
        return handler(batch, signal);
      });
    },
    waiting: (topic) => mq.waiting(topic),
    ensureTopics: (topics) => mq.ensureTopics(topics),
    partitionsOf: (topic) => mq.partitionsOf(topic),
    health: () => mq.health(),
    [Symbol.asyncDispose]: () => mq[Symbol.asyncDispose](),
  };
}

function attributesOf(topic: Topic<unknown>): { readonly "messaging.destination.name": string } {
  return { "messaging.destination.name": topic.name };
}
