import type { DescMethod } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createConnectRouter,
  type HandlerContext,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { type Logger, silentLogger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { COMPRESS_BYTES_MIN, gzipCompression } from "./compression.ts";
import {
  createUnaryFastPath,
  type FastPathSettings,
  type JsonOptions,
  type UnaryFastPath,
  unaryCodec,
} from "./fast-path.ts";
import {
  createServiceTokenCheck,
  deadlineInterceptor,
  errorInterceptor,
  metricsInterceptor,
  type ServiceTokenOptions,
  traceInterceptor,
} from "./interceptors.ts";
import type { ListMethods } from "./list-codec.ts";
import { type ErrorTranslator, isUnary, MESSAGE_BYTES_MAX, type RpcService, type UnaryFunction } from "./rpc.ts";
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
  /** Default: `messageBytesMax`. */
  readonly answerBytesMax?: number;
  /** For the JSON codec, such as the registry for messages that carry an `Any`. */
  readonly jsonOptions?: JsonOptions;
  /** Whose answers travel as rows. */
  readonly lists?: ListMethods;
  /** Default true. False leaves every call to the library: for comparisons. */
  readonly fastPath?: boolean;
}

/** Answers a request of one of the services; undefined when the path is none of theirs. */
export type RpcHandler = (request: Request) => Promise<Response> | undefined;

interface Entry {
  /** Undefined for streams. */
  readonly fast: UnaryFastPath | undefined;
  readonly library: UniversalHandler;
}

/** Connect and gRPC-Web, unary and streams, both codecs, over a fetch server. No native gRPC: it needs trailers. Unary POSTs of the Connect protocol take a
 *  path of our own; everything else (GET, streams, gRPC-Web, a codec that nobody knows) is the library's. */
export function createRpcHandler(services: readonly RpcService[], options: RpcHandlerOptions): RpcHandler {
  const settings = settingsOf(options);
  const router = libraryRouter(settings);
  const entries = new Map<string, Entry>();
  const prefix = options.prefix ?? "";
  for (const { service, impl } of services) {
    router.service(service, impl as Partial<ServiceImpl<typeof service>>);
    for (const library of router.handlers) {
      if (library.service.typeName !== service.typeName) continue;
      const fast = options.fastPath === false ? undefined : fastPathOf(library.method, impl, settings);
      entries.set(`${prefix}${library.requestPath}`, { fast, library });
    }
  }
  return (request) => {
    const entry = entries.get(pathOf(request.url));
    if (entry === undefined) return undefined;
    if (entry.fast !== undefined && request.method === "POST") {
      const codec = unaryCodec(request.headers.get("content-type"));
      if (codec !== undefined) return entry.fast(request, codec.binary);
    }
    return answer(entry.library, request);
  };
}

/** The library's own handlers by path, for a listener that is not a fetch server. `grpc`: it can send trailers. */
export function createLibraryHandlers(
  services: readonly RpcService[],
  options: RpcHandlerOptions,
  grpc: boolean,
): ReadonlyMap<string, UniversalHandler> {
  const router = libraryRouter(settingsOf(options), grpc);
  for (const { service, impl } of services) router.service(service, impl as Partial<ServiceImpl<typeof service>>);
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

function settingsOf(options: RpcHandlerOptions): FastPathSettings {
  return {
    errors: options.errors,
    clog: options.clog ?? silentLogger,
    metrics:
      options.metrics === undefined ? undefined : createServerMetrics(options.metrics, options.clog ?? silentLogger),
    token: options.serviceToken === undefined ? undefined : createServiceTokenCheck(options.serviceToken),
    interceptors: options.interceptors ?? [],
    jsonOptions: options.jsonOptions,
    messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
    lists: options.lists,
    answerBytesMax: options.answerBytesMax ?? options.messageBytesMax ?? MESSAGE_BYTES_MAX,
  };
}

function fastPathOf(
  method: DescMethod,
  impl: Readonly<Record<string, unknown>>,
  settings: FastPathSettings,
): UnaryFastPath | undefined {
  if (!isUnary(method)) return undefined;
  const fn = impl[method.localName];
  return createUnaryFastPath(method, typeof fn === "function" ? (fn as UnaryFunction).bind(impl) : undefined, settings);
}

function libraryRouter(settings: FastPathSettings, grpc = false): ConnectRouter {
  const { metrics, token, messageBytesMax } = settings;
  return createConnectRouter({
    grpc,
    readMaxBytes: messageBytesMax,
    writeMaxBytes: settings.answerBytesMax,
    acceptCompression: [gzipCompression],
    compressMinBytes: COMPRESS_BYTES_MIN,
    ...(settings.jsonOptions === undefined ? {} : { jsonOptions: settings.jsonOptions }),
    interceptors: [
      ...(metrics === undefined ? [] : [metricsInterceptor(metrics)]),
      traceInterceptor(),
      errorInterceptor(settings.errors, settings.clog),
      deadlineInterceptor(),
      ...settings.interceptors,
    ],
    ...(token === undefined
      ? {}
      : { requestGate: (context: HandlerContext) => token(context.service, context.requestHeader) }),
  });
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
