import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type {
  CommonTransportOptions,
  UniversalClientRequest,
  UniversalClientResponse,
} from "@connectrpc/connect/protocol";
import { createTransport as createConnectTransport } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpcWebTransport } from "@connectrpc/connect/protocol-grpc-web";
import type { ClientTransportOptions } from "./client-transport.ts";
import { COMPRESS_BYTES_MIN, gzipCompression } from "./compression.ts";
import { wholeMs } from "./deadline.ts";
import { endingOf, type HttpOptions, open, reached } from "./http-call.ts";
import { MESSAGE_BYTES_MAX } from "./rpc.ts";
import type { Lease } from "./target.ts";

/** Stands for whichever target a call gets. */
const anyTarget = "http://target";

/** The library's protocols over our connections. */
export function libraryTransport(options: ClientTransportOptions): Transport {
  const { defaultTimeoutMs, jsonOptions } = options;
  const common: CommonTransportOptions = {
    baseUrl: anyTarget,
    httpClient: (request) => overHttp(request, options),
    useBinaryFormat: options.json !== true,
    interceptors: [...(options.interceptors ?? [])],
    acceptCompression: options.gzip === true ? [gzipCompression] : [],
    sendCompression: options.gzip === true ? gzipCompression : null,
    compressMinBytes: options.compressBytesMin ?? COMPRESS_BYTES_MIN,
    readMaxBytes: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
    writeMaxBytes: options.sendBytesMax ?? MESSAGE_BYTES_MAX,
    ...(options.httpGet === true ? { useHttpGet: true } : {}),
    ...(jsonOptions === undefined ? {} : { jsonOptions }),
  };
  const make = options.protocol === "grpc-web" ? createGrpcWebTransport : createConnectTransport;
  const made = make(common);
  // The library takes ≤ 0 for none, and writes a fraction into a header that takes digits.
  const timeOf = (timeoutMs: number | undefined): number => wholeMs(timeoutMs ?? defaultTimeoutMs) ?? 0;
  return {
    unary: (method, signal, timeoutMs, ...rest) => made.unary(method, signal, timeOf(timeoutMs), ...rest),
    async stream(method, signal, timeoutMs, ...rest) {
      const response = await made.stream(method, signal, timeOf(timeoutMs), ...rest);
      return { ...response, message: blamingServer(response.message) };
    },
  };
}

/** A server's stream that breaks off is no fault of the caller's argument, as the library has it. */
async function* blamingServer<T>(rows: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* rows;
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.InvalidArgument || fromWire(error)) throw error;
    throw new ConnectError(error.rawMessage, Code.Internal, error.metadata, undefined, error);
  }
}

function fromWire(error: ConnectError): boolean {
  return "isWireError" in error && error.isWireError === true;
}

const never = new AbortController().signal;

async function overHttp(request: UniversalClientRequest, options: HttpOptions): Promise<UniversalClientResponse> {
  const { method, header, signal = never } = request;
  if (!header.has("accept-encoding")) header.set("accept-encoding", "identity");
  const path = request.url.slice(anyTarget.length);
  // Requests over HTTP/1.1 are sent whole.
  const body = request.body === undefined ? null : Buffer.concat(await Array.fromAsync(request.body));
  const { response, lease } = await open({ path, method, headers: header, body, signal }, options);
  signal.addEventListener("abort", () => lease.done(endingOf(signal.reason, signal)), { once: true });
  return {
    status: response.status,
    header: response.headers,
    body: chunksOf(response, lease, signal),
    trailer: new Headers(),
  };
}

/** Gives the connection back when the body ends or fails, and when the call ends without reading it: the library aborts the signal of every call that is over. */
async function* chunksOf(response: Response, lease: Lease, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    if (response.body !== null) yield* response.body;
    lease.done("answered");
  } catch (error) {
    lease.done(endingOf(error, signal));
    throw reached(error);
  }
}
