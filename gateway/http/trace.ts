import { parseTraceparent } from "#infra/trace/w3c.ts";

const tracePattern = /^[A-Za-z0-9_-]{1,64}$/;

/** The trace id a request brought in `X-Trace-ID` (alias `X-Request-ID`), if it is a UUID or at most 64 of
 *  `[A-Za-z0-9_-]`; else that of its `traceparent`; else a new UUID v7. A UUID is of those characters too. */
export function traceIdOf(headers: Headers): string {
  const given = headers.get("x-trace-id") ?? headers.get("x-request-id");
  if (given !== null && tracePattern.test(given)) return given;
  return parseTraceparent(headers.get("traceparent"))?.traceId ?? Bun.randomUUIDv7();
}
