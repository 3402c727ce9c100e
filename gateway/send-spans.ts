import type { InRecord } from "#infra/mq/mq.ts";
import type { Span, Tracer } from "#infra/trace/trace.ts";

const none: readonly Span[] = [];

/** A span `ws.send` for each record of a sampled trace, to be ended when its frames are written. */
export function sendSpans(tracer: Tracer, gatewayId: string, records: readonly InRecord<unknown>[]): readonly Span[] {
  if (!tracer.enabled) return none;
  return records.flatMap(({ traceparent }) => {
    return tracer.startSpan("ws.send", traceparent, { attributes: { gateway_id: gatewayId } }) ?? [];
  });
}
