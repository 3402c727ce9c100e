import type { DeadRecord, Headers, InRecord, Topic } from "./mq.ts";

/** Header names of every record, and those that a dead letter adds. */
export const header = {
  traceId: "X-Trace-ID",
  traceparent: "traceparent",
  source: "X-Source",
  type: "X-Type",
  producedAt: "X-Produced-At",
  originTopic: "X-Origin-Topic",
  originPartition: "X-Origin-Partition",
  originOffset: "X-Origin-Offset",
  errorCode: "X-Error-Code",
  errorMessage: "X-Error-Message",
  attempts: "X-Attempts",
  failedAt: "X-Failed-At",
  group: "X-Consumer-Group",
} as const;

const errorMessageCharactersMax = 500;

/** The standard headers under what the sender gave; a trace id is made when it gave none. */
export function recordHeaders(type: string, source: string, producedAtMs: number, given: Headers | undefined): Headers {
  return {
    [header.traceId]: given?.[header.traceId] ?? Bun.randomUUIDv7("hex").replaceAll("-", ""),
    [header.source]: source,
    [header.type]: type,
    [header.producedAt]: String(producedAtMs),
    ...given,
  };
}

/** What is known of a dead record besides the record itself. */
export interface DeadContext {
  readonly topic: Topic<unknown>;
  readonly group: string;
  readonly attempts: number;
  readonly failedAtMs: number;
}

/** The record's own headers, and where it came from and why. A record that was replayed before keeps counting its
 *  attempts. */
export function deadHeaders(
  record: Pick<InRecord<unknown>, "partition" | "offset" | "headers">,
  dead: Omit<DeadRecord, "index">,
  context: DeadContext,
): Headers {
  const before = Number(record.headers[header.attempts] ?? 0);
  return {
    ...record.headers,
    [header.originTopic]: context.topic.name,
    [header.originPartition]: String(record.partition),
    [header.originOffset]: String(record.offset),
    [header.errorCode]: dead.code,
    [header.errorMessage]: dead.message.slice(0, errorMessageCharactersMax),
    [header.attempts]: String((Number.isSafeInteger(before) ? before : 0) + context.attempts),
    [header.failedAt]: String(context.failedAtMs),
    [header.group]: context.group,
  };
}
