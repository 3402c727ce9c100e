import {
  SpanKind as Kind,
  type Attributes as OtelAttributes,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  RandomIdGenerator,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { TraceSettings } from "./config.ts";
import { isSampled, ratioOf } from "./sampling.ts";
import type { Attributes, ConfigurableTracer, Span, SpanKind, SpanOptions } from "./trace.ts";
import { formatTraceparent, parseTraceparent, w3cTraceId } from "./w3c.ts";

/** Spans that wait for an export, and spans of one export; past the first bound new ones are dropped. */
const queueSpansMax = 4096;
const exportSpansMax = 512;
const exportMs = 10_000;
const uuidLength = 36;

export interface OtelTracerOptions {
  /** `service.name` and `service.version` of the resource. */
  readonly service: string;
  readonly version: string;
  readonly sampler: TraceSettings["sampler"];
  readonly ratio: number;
  /** 0: every span is exported when it ends, for tests. */
  readonly flushEveryMs: number;
}

const kinds: Readonly<Record<SpanKind, Kind>> = {
  internal: Kind.INTERNAL,
  server: Kind.SERVER,
  client: Kind.CLIENT,
  producer: Kind.PRODUCER,
  consumer: Kind.CONSUMER,
};

/** Spans by the OpenTelemetry SDK, kept in memory up to a bound and exported in batches. Disposing exports the rest. */
export function createOtelTracer(options: OtelTracerOptions, exporter: SpanExporter): ConfigurableTracer {
  let ratio = ratioOf(options);
  // The SDK asks for an id when a span has no parent: ours is known by then.
  let next = "";
  const random = new RandomIdGenerator();
  const provider = new TracerProvider({
    // Whoever starts a span has decided already.
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: () => next, generateSpanId: () => random.generateSpanId() },
    spanProcessors: [processorOf(options, exporter)],
    resource: resourceFromAttributes({ "service.name": options.service, "service.version": options.version }),
  });
  const tracer = provider.getTracer("gochat", options.version);

  function start(name: string, traceId: string, parentId: string | undefined, given: SpanOptions = {}): Span {
    next = traceId;
    const context =
      parentId === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: parentId, traceFlags: 1, isRemote: true });
    const span = tracer.startSpan(
      name,
      {
        kind: kinds[given.kind ?? "internal"],
        ...(given.attributes === undefined ? {} : { attributes: given.attributes as OtelAttributes }),
        ...(given.startMs === undefined ? {} : { startTime: given.startMs }),
      },
      context,
    );
    return new RecordedSpan(span, formatTraceparent({ traceId, spanId: span.spanContext().spanId, sampled: true }));
  }

  return {
    get enabled() {
      return ratio > 0;
    },
    startTrace(name, traceId, given) {
      if (ratio <= 0) return undefined;
      const parent = given?.parent === undefined ? undefined : parseTraceparent(given.parent);
      // The last digits of a UUID are those of the id made from it: most are told from them alone.
      if (parent === undefined && traceId.length === uuidLength && !isSampled(traceId, ratio)) return undefined;
      const id = parent?.traceId ?? w3cTraceId(traceId);
      return isSampled(id, ratio) ? start(name, id, parent?.spanId, given) : undefined;
    },
    startSpan(name, parent, given) {
      if (parent === undefined || ratio <= 0) return undefined;
      const context = parseTraceparent(parent);
      return context?.sampled === true ? start(name, context.traceId, context.spanId, given) : undefined;
    },
    flush: () => provider.forceFlush(),
    configure(change) {
      ratio = ratioOf(change);
    },
    [Symbol.asyncDispose]: () => provider.shutdown(),
  };
}

function processorOf({ flushEveryMs }: OtelTracerOptions, exporter: SpanExporter): SpanProcessor {
  if (flushEveryMs === 0) return new SimpleSpanProcessor({ exporter });
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: queueSpansMax,
    maxExportBatchSize: exportSpansMax,
    scheduledDelayMillis: flushEveryMs,
    exportTimeoutMillis: exportMs,
  });
}

class RecordedSpan implements Span {
  readonly traceparent: string;
  readonly #span: OtelSpan;

  constructor(span: OtelSpan, traceparent: string) {
    this.#span = span;
    this.traceparent = traceparent;
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes as OtelAttributes);
  }

  rename(name: string): void {
    this.#span.updateName(name);
  }

  fail(error: unknown): void {
    // Messages of errors may hold what a user wrote.
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.setAttribute("error.type", typeOfError(error));
  }

  end(endMs?: number): void {
    this.#span.end(endMs);
  }
}

function typeOfError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : error.name;
}
