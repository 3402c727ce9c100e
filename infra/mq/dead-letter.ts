import { type DeadContext, deadHeaders } from "./headers.ts";
import { type Codec, type DeadRecord, deadLetterTopic, type InRecord, type OutRecord } from "./mq.ts";

/** A record as a driver reads it. `raw` is there when it came as bytes: a dead letter keeps those very bytes, and they
 *  are all there is when they cannot be decoded. */
export interface LogRecord<T> extends InRecord<T> {
  readonly raw?: Uint8Array | undefined;
}

const bytesCodec: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (bytes) => bytes,
  sizeOf: (value) => value.byteLength,
};

/** The record for `{topic}.dlq`, under its key, with the headers that say where it came from and why. */
export function deadLetter(
  record: Omit<LogRecord<unknown>, "value"> & { readonly value?: unknown },
  dead: Omit<DeadRecord, "index">,
  context: DeadContext,
): OutRecord {
  const topic = deadLetterTopic(context.topic);
  const headers = deadHeaders(record, dead, context);
  if (record.raw === undefined) return { topic, key: record.key, value: record.value, headers };
  return { topic: { ...topic, codec: bytesCodec }, key: record.key, value: record.raw, headers };
}
