import { create, type DescMessage, type DescMethodUnary, isMessage, type Message } from "@bufbuild/protobuf";
import {
  createContextValues,
  type Interceptor,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { createMethodSerializationLookup, type MethodSerializationLookup } from "@connectrpc/connect/protocol";
import {
  errorFromJsonBytes,
  trailerDemux,
  validateResponseWithCompression,
} from "@connectrpc/connect/protocol-connect";
import { COMPRESS_BYTES_MIN, gzipCompression } from "./compression.ts";
import { startDeadline } from "./deadline.ts";
import { readBody } from "./fast-body.ts";
import type { JsonOptions } from "./fast-path.ts";
import { type HttpOptions, send } from "./http-call.ts";
import { libraryTransport } from "./library-transport.ts";
import { createListCodec, type ListMethods } from "./list-codec.ts";
import { MESSAGE_BYTES_MAX } from "./rpc.ts";

export interface ClientTransportOptions extends HttpOptions {
  /** For calls that name none; without it those have no deadline. */
  readonly defaultTimeoutMs?: number;
  /** Outermost first. */
  readonly interceptors?: readonly Interceptor[];
  readonly protocol?: "connect" | "grpc-web";
  /** Default binary; JSON for tools. */
  readonly json?: boolean;
  readonly jsonOptions?: JsonOptions;
  /** Packs what is sent and lets answers be packed. Default false: between services it costs more than it saves. */
  readonly gzip?: boolean;
  /** Smallest message that is packed. */
  readonly compressBytesMin?: number;
  /** Largest message that is read. */
  readonly messageBytesMax?: number;
  /** Largest message that is sent. */
  readonly sendBytesMax?: number;
  /** GET for methods without side effects. */
  readonly httpGet?: boolean;
  /** Whose answers have rows that are decoded when somebody looks at them (`rawListOf`). */
  readonly lists?: ListMethods | undefined;
}

/**
 * Calls over fetch with keep-alive. Unary calls of the Connect protocol in binary take a path of our own; streams, JSON, gRPC-Web and GET are the library's, over
 * the same connections. Rejects with ConnectErrors.
 */
export function createClientTransport(options: ClientTransportOptions): Transport {
  const library = libraryTransport(options);
  if (options.protocol === "grpc-web" || options.json === true || options.httpGet === true) return library;
  return { unary: unaryOf(options), stream: library.stream };
}

type Unary = Transport["unary"];

function unaryOf(options: ClientTransportOptions): Unary {
  const { interceptors = [] } = options;
  const codecs = createCodecs(options);
  return async (method, signal, timeoutMs, headers, input, contextValues) => {
    const deadline = startDeadline(timeoutMs ?? options.defaultTimeoutMs, signal);
    try {
      deadline.signal.throwIfAborted();
      const innermost = (request: UnaryRequest): Promise<UnaryResponse> => exchange(request, codecs(method), options);
      const chain = interceptors.reduceRight<ReturnType<Interceptor>>(
        (next, interceptor) => interceptor(next),
        innermost as ReturnType<Interceptor>,
      );
      const response = await chain({
        stream: false,
        service: method.parent,
        method,
        requestMethod: "POST",
        url: `/${method.parent.typeName}/${method.name}`,
        header: headersOf(headers, deadline.timeoutMs, options.gzip === true),
        contextValues: contextValues ?? createContextValues(),
        signal: deadline.signal,
        message: isMessage(input, method.input) ? input : create(method.input, input),
      });
      return response as UnaryResponse<typeof method.input, typeof method.output>;
    } catch (error) {
      throw deadline.reasonFor(error);
    } finally {
      deadline.end();
    }
  };
}

type Codecs = MethodSerializationLookup<DescMessage, DescMessage>;

function createCodecs(options: ClientTransportOptions): (method: DescMethodUnary) => Codecs {
  const limits = {
    readMaxBytes: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
    writeMaxBytes: options.sendBytesMax ?? MESSAGE_BYTES_MAX,
    compressMinBytes: COMPRESS_BYTES_MIN,
  };
  // Methods are a closed set, so the map is bounded.
  const known = new Map<DescMethodUnary, Codecs>();
  return (method) => {
    let codecs = known.get(method);
    if (codecs === undefined) {
      const made = createMethodSerializationLookup(method, undefined, undefined, limits);
      codecs = options.lists?.has(method) === true ? withList(method, made, limits.writeMaxBytes) : made;
      known.set(method, codecs);
    }
    return codecs;
  };
}

function withList(method: DescMethodUnary, made: Codecs, writeBytesMax: number): Codecs {
  const list = createListCodec(method, made.getO(true), writeBytesMax);
  return { getI: (binary) => made.getI(binary), getO: (binary) => (binary ? list : made.getO(false)) };
}

function headersOf(given: HeadersInit | undefined, timeoutMs: number | undefined, gzip: boolean): Headers {
  const headers = new Headers(given);
  headers.set("content-type", "application/proto");
  headers.set("connect-protocol-version", "1");
  // Said, because fetch would otherwise ask for everything that it can unpack.
  headers.set("accept-encoding", gzip ? "gzip" : "identity");
  if (timeoutMs !== undefined) headers.set("connect-timeout-ms", String(timeoutMs));
  return headers;
}

async function exchange(
  request: UnaryRequest,
  codecs: Codecs,
  options: ClientTransportOptions,
): Promise<UnaryResponse> {
  const { method, header, signal } = request;
  const plain = codecs.getI(true).serialize(request.message);
  const pack = options.gzip === true && plain.byteLength >= (options.compressBytesMin ?? COMPRESS_BYTES_MIN);
  if (pack) header.set("content-encoding", gzipCompression.name);
  const body = pack ? await gzipCompression.compress(plain) : plain;
  const bytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
  const call = { path: request.url, method: "POST", headers: header, body, signal };
  return await send(call, options, async (response) => {
    const { status, headers } = response;
    const packed = await readBody(response, bytesMax);
    const seen = validateResponseWithCompression("unary", compressions, true, status, headers);
    const bytes = seen.compression === undefined ? packed : await seen.compression.decompress(packed, bytesMax);
    if (seen.isUnaryError) throw errorFromJsonBytes(bytes, headers, seen.unaryError);
    const message = codecs.getO(true).parse(bytes) as Message;
    return answer(method, headers, message);
  });
}

const compressions = [gzipCompression];

/** Few callers look at the metadata: it is sorted when they do. */
function answer(method: DescMethodUnary, headers: Headers, message: Message): UnaryResponse {
  let sorted: [header: Headers, trailer: Headers] | undefined;
  const sort = (): [Headers, Headers] => {
    sorted ??= trailerDemux(headers);
    return sorted;
  };
  return {
    stream: false,
    service: method.parent,
    method,
    message,
    get header() {
      return sort()[0];
    },
    get trailer() {
      return sort()[1];
    },
  };
}
