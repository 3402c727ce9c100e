import type { SpanExporter } from "@opentelemetry/sdk-trace";
import project from "#package.json";
import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { TraceSettings } from "./config.ts";
import { type ConfigurableTracer, noTracer } from "./trace.ts";

export interface OpenTracerDeps {
  readonly service: string;
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** Of the exporter stdout. */
  readonly write?: ((line: string) => void) | undefined;
}

/** How long one request to the collector may take, ms. */
const exportMs = 10_000;

/** The tracer of a process. With the exporter none nothing of OpenTelemetry is even loaded. A collector that is away
 *  costs its spans, never a start. */
export async function openTracer(settings: TraceSettings, deps: OpenTracerDeps): Promise<ConfigurableTracer> {
  if (settings.exporter === "none") return noTracer;
  const [{ createOtelTracer }, { countedExporter }] = await Promise.all([
    import("./otel.ts"),
    import("./exporters.ts"),
  ]);
  const { sampler, ratio, flushEvery } = settings;
  return createOtelTracer(
    { service: deps.service, version: project.version, sampler, ratio, flushEveryMs: flushEvery },
    countedExporter(await exporterOf(settings, deps), { ...deps, clog: deps.clog.namespace("trace") }),
  );
}

async function exporterOf({ exporter, endpoint }: TraceSettings, deps: OpenTracerDeps): Promise<SpanExporter> {
  if (exporter === "otlp") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
    return new OTLPTraceExporter({ url: endpoint, timeoutMillis: exportMs });
  }
  const { createLineExporter } = await import("./exporters.ts");
  return createLineExporter(deps.write ?? ((line) => void process.stdout.write(line)));
}
