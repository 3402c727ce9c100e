import type { LogRecord } from "./dead-letter.ts";
import { header, recordHeaders } from "./headers.ts";
import type { Headers, OutRecord } from "./mq.ts";

/** A record of a volatile topic holds the value object itself. Offset and headers are made when somebody asks. */
export class MemoryRecord<T> implements LogRecord<T> {
  readonly partition: number;
  readonly position: number;
  readonly key: string | undefined;
  readonly value: T;
  readonly producedAtMs: number;
  readonly bytes: number;
  private readonly type: string;
  private readonly source: string;
  private given: Headers | undefined;
  private complete: boolean;

  constructor(from: OutRecord<T>, partition: number, position: number, bytes: number, nowMs: number, source: string) {
    this.partition = partition;
    this.position = position;
    this.key = from.key;
    this.value = from.value;
    this.producedAtMs = nowMs;
    this.bytes = bytes;
    this.type = from.topic.type;
    this.source = source;
    this.given = from.headers;
    this.complete = false;
  }

  get offset(): bigint {
    return BigInt(this.position);
  }

  get traceparent(): string | undefined {
    return this.given?.[header.traceparent];
  }

  get headers(): Headers {
    if (!this.complete || this.given === undefined) {
      this.given = recordHeaders(this.type, this.source, this.producedAtMs, this.given);
      this.complete = true;
    }
    return this.given;
  }
}
