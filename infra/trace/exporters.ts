import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";

/** `ExportResult.code` of the SDK. */
const success = 0;
const failed = 1;

/** One JSON object per span and line. */
export function createLineExporter(write: (line: string) => void): SpanExporter {
  return {
    export(spans, done) {
      for (const span of spans) write(`${JSON.stringify(lineOf(span))}\n`);
      done({ code: success });
    },
    shutdown: () => Promise.resolve(),
  };
}

function lineOf(span: ReadableSpan): Readonly<Record<string, unknown>> {
  const { traceId, spanId } = span.spanContext();
  const startMs = milliseconds(span.startTime);
  return {
    time: new Date(startMs).toISOString(),
    span: span.name,
    trace_id: traceId,
    span_id: spanId,
    parent_id: span.parentSpanContext?.spanId,
    latency_ms: Math.round(milliseconds(span.duration) * 1000) / 1000,
    service: span.resource.attributes["service.name"],
    ...span.attributes,
  };
}

function milliseconds([seconds, nanoseconds]: readonly [number, number]): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Counts what `inner` took and what it did not, and says once when a collector goes away and once when it is back:
 *  traces are worth nothing that a service would wait or fail for. */
export function countedExporter(inner: SpanExporter, deps: { clog: Logger; metrics: Metrics }): SpanExporter {
  const spans = deps.metrics.counter("gochat_trace_spans_total", "Spans handed to the exporter", ["result"]);
  const [taken, lost] = [spans.with({ result: "exported" }), spans.with({ result: "lost" })];
  let away = false;
  return {
    export(batch, done) {
      inner.export(batch, (result) => {
        (result.code === failed ? lost : taken).inc(batch.length);
        if (result.code === failed && !away) deps.clog.warn("spans cannot be exported", { err: result.error });
        if (result.code !== failed && away) deps.clog.info("spans are exported again");
        away = result.code === failed;
        // Told and counted here; the SDK would tell nobody.
        done({ code: success });
      });
    },
    shutdown: () => inner.shutdown(),
    forceFlush: () => inner.forceFlush?.() ?? Promise.resolve(),
  };
}
