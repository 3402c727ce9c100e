import type { IHeaders, KafkaMessage, Message } from "kafkajs";
import type { LogRecord } from "./dead-letter.ts";
import { header, recordHeaders } from "./headers.ts";
import type { Headers, OutRecord } from "./mq.ts";

/** A record as the client sends it. Throws what the codec throws. */
export function messageOfRecord(record: OutRecord, partition: number, source: string, nowMs: number): Message {
  const { codec, type } = record.topic;
  const bytes = codec.encode(record.value);
  return {
    key: record.key ?? null,
    value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    partition,
    headers: { ...recordHeaders(type, source, nowMs, record.headers) },
    timestamp: String(nowMs),
  };
}

/** A record that was fetched and is not decoded. */
export interface Fetched {
  readonly offset: number;
  readonly bytes: number;
  readonly message: KafkaMessage;
}

export function fetchedOf(message: KafkaMessage): Fetched {
  const bytes = (message.value?.byteLength ?? 0) + (message.key?.byteLength ?? 0);
  return { offset: Number(message.offset), bytes, message };
}

/** What is known of a record without its value. Key and headers become text when somebody asks. */
export class KafkaRecord<T> implements Omit<LogRecord<T>, "value"> {
  readonly partition: number;
  readonly position: number;
  private readonly message: KafkaMessage;
  private text: Headers | undefined;

  constructor(partition: number, from: Fetched) {
    this.partition = partition;
    this.position = from.offset;
    this.message = from.message;
  }

  get offset(): bigint {
    return BigInt(this.position);
  }

  get key(): string | undefined {
    return this.message.key?.toString();
  }

  get raw(): Uint8Array {
    return this.message.value ?? new Uint8Array();
  }

  get headers(): Headers {
    this.text ??= headersOf(this.message.headers);
    return this.text;
  }

  get traceparent(): string | undefined {
    const value = this.message.headers?.[header.traceparent];
    return value === undefined || Array.isArray(value) ? undefined : value.toString();
  }

  get producedAtMs(): number {
    return Number(this.message.timestamp);
  }
}

/** A record with its value. */
export class DecodedKafkaRecord<T> extends KafkaRecord<T> implements LogRecord<T> {
  readonly value: T;

  constructor(partition: number, from: Fetched, value: T) {
    super(partition, from);
    this.value = value;
  }
}

function headersOf(headers: IHeaders | undefined): Headers {
  const text: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    const one = Array.isArray(value) ? value[0] : value;
    if (one !== undefined) text[name] = one.toString();
  }
  return text;
}
