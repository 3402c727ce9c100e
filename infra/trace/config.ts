import { type ConfigOf, section } from "../config/config.ts";
import { duration, float, oneOf, string } from "../config/keys.ts";

/** Keys of traces (spec 60 §7). */
export const traceSpec = section({
  exporter: oneOf(["otlp", "stdout", "none"], {
    default: "none",
    doc: "where spans go: a collector by OTLP over HTTP, the standard output as JSON lines, nowhere",
  }),
  endpoint: string({
    default: "http://127.0.0.1:4318/v1/traces",
    lengthMax: 2048,
    doc: "of the collector, for the exporter otlp",
  }),
  sampler: oneOf(["always_on", "always_off", "trace_id_ratio"], {
    default: { development: "always_on", production: "trace_id_ratio" },
    doc: "which traces are kept, decided at the entrance",
    hot: true,
  }),
  ratio: float({ default: 0.1, min: 0, max: 1, doc: "share of traces that trace_id_ratio keeps", hot: true }),
  flushEvery: duration({ default: 5000, min: 100, max: 60_000, doc: "between two exports" }),
});

export type TraceSettings = ConfigOf<typeof traceSpec>;
