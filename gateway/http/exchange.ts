import type { Context } from "hono";
import type { Logger } from "#infra/clog/clog.ts";
import type { BoundCounter, BoundHistogram } from "#infra/metrics/metrics.ts";
import { createSlowLog } from "#infra/metrics/slow.ts";
import type { Span, Tracer } from "#infra/trace/trace.ts";
import { isAppError } from "#proto/errors.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { acceptsGzip } from "./compress.ts";
import { ApiCall, type ApiEnv } from "./context.ts";
import { JsonText } from "./json-text.ts";
import { tellLimits } from "./limits.ts";
import { errorEnvelope } from "./respond.ts";
import { traceIdOf } from "./trace.ts";

/** An answer that is no Response yet: its headers are all known before they are handed over, at once. */
export interface Answer {
  readonly status: number;
  readonly body: string | Uint8Array<ArrayBuffer> | JsonText<unknown>;
  readonly headers: Record<string, string>;
}

export function jsonAnswer(status: number, body: object, headers: Record<string, string> = {}): Answer {
  return { status, body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
}

export interface ExchangeDeps {
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly clog: Logger;
  /** What is kept packed from this size on, bytes. */
  readonly gzipAbove: number;
}

/** Makes the handler of one route. */
export type Exchange = (route: Route, work: Work) => (c: Context<ApiEnv>) => Promise<Response>;

export interface Route {
  /** The usual one; others are counted too. */
  readonly method: string;
  /** Name in metrics, logs and traces: the path as it was declared, below `/api`. */
  readonly name: string;
}

export type Work = (call: ApiCall, c: Context<ApiEnv>) => Promise<Answer>;

/** What every request of the API has: its trace id, its span, one place for errors, headers, metrics, the log of what was slow. */
export function createExchange({ metrics, tracer, clog, gzipAbove }: ExchangeDeps): Exchange {
  const slow = createSlowLog(clog.namespace("http"), "slow request");

  /** Packed once for all who take it so. */
  function bodyOf(text: JsonText<unknown>, request: Request, headers: Record<string, string>): Promise<Blob> {
    if (text.byteLength < gzipAbove || !acceptsGzip(request.headers.get("accept-encoding"))) return text.plain();
    headers["Content-Encoding"] = "gzip";
    headers.Vary = "Accept-Encoding";
    return text.packed();
  }

  function failed(error: unknown, call: ApiCall, route: Route): Answer {
    const { status, headers, body } = errorEnvelope(error, call.traceId);
    if (!isAppError(error) || error.code === "INTERNAL_ERROR") {
      clog.error("a request failed", { trace_id: call.traceId, route: route.name, err: error });
    }
    return jsonAnswer(status, body, headers);
  }

  return (route, work) => {
    const outcomes = createOutcomes(metrics, route);
    return async (c) => {
      const startedNs = Bun.nanoseconds();
      const request = c.req.raw;
      const { method } = request;
      const traceId = traceIdOf(request.headers);
      const span = tracer.enabled ? beginSpan(tracer, request, route, traceId) : undefined;
      const call = new ApiCall(request, c.env.address, traceId, span?.traceparent);
      let answer: Answer;
      try {
        answer = await work(call, c);
      } catch (error) {
        answer = failed(error, call, route);
        if (answer.status >= 500) span?.fail(error);
      }
      const { status, headers } = answer;
      const body = answer.body instanceof JsonText ? await bodyOf(answer.body, request, headers) : answer.body;
      headers["X-Trace-ID"] = traceId;
      headers["Cache-Control"] = "no-store";
      if (call.verdict !== undefined) tellLimits(headers, call.verdict);
      if (span !== undefined) {
        span.set({ "http.response.status_code": status });
        span.end();
      }
      const seconds = (Bun.nanoseconds() - startedNs) / 1e9;
      outcomes(method, status, seconds);
      if (seconds * 1000 > metrics.slow.requestMs) {
        slow.tell(seconds * 1000, { method, route: route.name, status: String(status), trace_id: traceId });
      }
      return new Response(body, { status, headers });
    };
  };
}

function beginSpan(tracer: Tracer, request: Request, { name }: Route, traceId: string): Span | undefined {
  return tracer.startTrace(`HTTP ${request.method} ${name}`, traceId, {
    kind: "server",
    parent: request.headers.get("traceparent") ?? undefined,
    attributes: { "http.route": name, "gochat.trace_id": traceId },
  });
}

interface Outcome {
  readonly requests: BoundCounter;
  readonly seconds: BoundHistogram;
}

/** Counts by method, route and status; what is usual is bound once. */
function createOutcomes(metrics: GatewayMetrics, route: Route) {
  const known = new Map<number, Outcome>();
  const outcome = (method: string, status: number): Outcome => {
    const labels = { method, route: route.name, status: String(status) };
    return { requests: metrics.httpRequests.with(labels), seconds: metrics.httpSeconds.with(labels) };
  };
  return (method: string, status: number, seconds: number): void => {
    let one = method === route.method ? known.get(status) : outcome(method, status);
    if (one === undefined) {
      one = outcome(method, status);
      known.set(status, one);
    }
    one.requests.inc();
    one.seconds.observe(seconds);
  };
}
