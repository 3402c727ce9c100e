import type { TraceSettings } from "./config.ts";

/** Traces: what one message costs at each step, over all processes. The context travels explicitly, as the text of the
 *  W3C header `traceparent`: in calls, in records of the log. There is no ambient context, so nothing is paid for one. */

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Unix ms, with fractions; default now. */
  readonly startMs?: number;
}

/** A step of a sampled trace. What is not sampled has no span: callers hold `Span | undefined`. */
export interface Span {
  /** What its children are told: `00-{trace}-{span}-01`. */
  readonly traceparent: string;
  set(attributes: Attributes): void;
  rename(name: string): void;
  /** Marks it as failed. `error` is told by its name or code, never by its message. */
  fail(error: unknown): void;
  /** Once; `endMs` in Unix ms, default now. */
  end(endMs?: number): void;
}

export interface Tracer extends AsyncDisposable {
  /** False: nothing is sampled here and no context is looked for. Hot: it may change between two calls. */
  readonly enabled: boolean;
  /** Begins the spans of a request at the entrance. `traceId` is its `X-Trace-ID`: a UUID or 32 hex digits become the
   *  trace id of W3C, other texts their hash. Whether it is sampled follows from it alone, so that every process decides
   *  alike. `parent`: what the client gave; it names the trace then. */
  startTrace(
    name: string,
    traceId: string,
    options?: SpanOptions & { readonly parent?: string | undefined },
  ): Span | undefined;
  /** A step below `parent`; undefined without one. The decision to sample was made at the entrance. */
  startSpan(name: string, parent: string | undefined, options?: SpanOptions): Span | undefined;
  /** Resolves when what has ended was handed to the exporter. */
  flush(): Promise<void>;
}

/** A tracer whose sampling is hot. */
export interface ConfigurableTracer extends Tracer {
  configure(change: Pick<TraceSettings, "sampler" | "ratio">): void;
}

/** Samples nothing and costs nothing. */
export const noTracer: ConfigurableTracer = {
  enabled: false,
  startTrace: () => undefined,
  startSpan: () => undefined,
  flush: () => Promise.resolve(),
  configure() {},
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Runs `work` as a step below `parent` and hands it the context for its own steps. */
export async function withSpan<T>(
  tracer: Tracer,
  name: string,
  parent: string | undefined,
  work: (parent: string | undefined) => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, parent);
  if (span === undefined) return await work(parent);
  try {
    return await work(span.traceparent);
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}

/** The headers of a call that belongs to a sampled trace, to be spread; nothing otherwise. */
export function traceHeaders(parent: string | undefined): { readonly traceparent: string } | undefined {
  return parent === undefined ? undefined : { traceparent: parent };
}
