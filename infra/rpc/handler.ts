import type { Interceptor, ServiceImpl } from "@connectrpc/connect";
import { createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { type Logger, silentLogger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import {
  createServiceTokenGate,
  deadlineInterceptor,
  errorInterceptor,
  metricsInterceptor,
  type ServiceTokenOptions,
  traceInterceptor,
} from "./interceptors.ts";
import { type ErrorTranslator, MESSAGE_BYTES_MAX, type RpcService } from "./rpc.ts";
import { createServerMetrics } from "./server-metrics.ts";

export interface RpcHandlerOptions {
  readonly errors: ErrorTranslator;
  readonly clog?: Logger;
  readonly metrics?: Metrics;
  /** Absent: callers are believed (a listener on loopback, or behind a gate of its own). */
  readonly serviceToken?: ServiceTokenOptions;
  /** Run inside ours, outermost first. */
  readonly interceptors?: readonly Interceptor[];
  /** Path before `/package.Service/Method`, without a slash at its end. */
  readonly prefix?: string;
  readonly messageBytesMax?: number;
}

/** Answers a request of one of the services; undefined when the path is none of theirs. */
export type RpcHandler = (request: Request) => Promise<Response> | undefined;

/** Connect and gRPC-Web, unary and streams, both codecs, over a fetch server. No native gRPC: it needs trailers. */
export function createRpcHandler(services: readonly RpcService[], options: RpcHandlerOptions): RpcHandler {
  const clog = options.clog ?? silentLogger;
  const bytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
  const router = createConnectRouter({
    grpc: false,
    readMaxBytes: bytesMax,
    writeMaxBytes: bytesMax,
    interceptors: [
      ...(options.metrics === undefined ? [] : [metricsInterceptor(createServerMetrics(options.metrics))]),
      traceInterceptor(),
      errorInterceptor(options.errors, clog),
      deadlineInterceptor(),
      ...(options.interceptors ?? []),
    ],
    ...(options.serviceToken === undefined ? {} : { requestGate: createServiceTokenGate(options.serviceToken) }),
  });
  for (const { service, impl } of services) router.service(service, impl as Partial<ServiceImpl<typeof service>>);
  const prefix = options.prefix ?? "";
  const handlers = new Map<string, UniversalHandler>();
  for (const handler of router.handlers) handlers.set(`${prefix}${handler.requestPath}`, handler);
  return (request) => {
    const handler = handlers.get(pathOf(request.url));
    return handler === undefined ? undefined : answer(handler, request);
  };
}

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  return query < 0 ? url.slice(start) : url.slice(start, query);
}

async function answer(handler: UniversalHandler, request: Request): Promise<Response> {
  const response = await handler({
    httpVersion: "1.1",
    method: request.method,
    url: request.url,
    header: request.headers,
    body: request.body === null ? noChunks() : chunksOf(request.body),
    signal: request.signal,
  });
  return handler.method.methodKind === "unary" ? whole(response) : streamed(response);
}

async function* noChunks(): AsyncGenerator<Uint8Array> {}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const chunk = await reader.read();
      if (chunk.done) return;
      yield chunk.value;
    }
  } finally {
    // Nobody reads on: the peer may stop sending.
    await reader.cancel().catch(() => undefined);
  }
}

/** One body with a length instead of a chunked stream: cheaper on both sides. */
async function whole(response: UniversalServerResponse): Promise<Response> {
  const init = { status: response.status, headers: response.header ?? {} };
  if (response.body === undefined) return new Response(null, init);
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return new Response(new Blob(chunks as BlobPart[]), init);
}

function streamed(response: UniversalServerResponse): Response {
  const init = { status: response.status, headers: response.header ?? {} };
  if (response.body === undefined) return new Response(null, init);
  const chunks = response.body[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await chunks.next();
      if (chunk.done === true) controller.close();
      else controller.enqueue(chunk.value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
  return new Response(body, init);
}
