import type { DescMethodUnary, JsonReadOptions, JsonWriteOptions, Message } from "@bufbuild/protobuf";
import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { type Compression, compressionNegotiate, createMethodSerializationLookup } from "@connectrpc/connect/protocol";
import { parseTimeout } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "../clog/clog.ts";
import { COMPRESS_BYTES_MIN, gzipCompression } from "./compression.ts";
import { answerError, answerMessage } from "./fast-answer.ts";
import { readBody } from "./fast-body.ts";
import { FastContext } from "./fast-context.ts";
import { logUnexpected, type ServiceTokenCheck } from "./interceptors.ts";
import { invokeUnary } from "./invoke.ts";
import { createListCodec, type ListMethods } from "./list-codec.ts";
import { deadlineError, type ErrorTranslator, methodName, type UnaryFunction, unimplementedError } from "./rpc.ts";
import type { ServerMetrics } from "./server-metrics.ts";

export interface FastPathSettings {
  readonly errors: ErrorTranslator;
  readonly clog: Logger;
  readonly metrics: ServerMetrics | undefined;
  readonly token: ServiceTokenCheck | undefined;
  /** Outermost first. */
  readonly interceptors: readonly Interceptor[];
  readonly jsonOptions: JsonOptions | undefined;
  readonly messageBytesMax: number;
  readonly answerBytesMax: number;
  readonly lists: ListMethods | undefined;
}

export type JsonOptions = Partial<JsonReadOptions & JsonWriteOptions>;

/** Answers one POST; `binary` says which of the two codecs its content type names. Never rejects. */
export type UnaryFastPath = (request: Request, binary: boolean) => Promise<Response>;

/** `application/proto` and `application/json`, the unary codecs of the Connect protocol; undefined for any other content type. */
export function unaryCodec(contentType: string | null): { readonly binary: boolean } | undefined {
  if (contentType === "application/proto") return proto;
  if (contentType === "application/json") return json;
  if (contentType === null || contentType.length > contentTypeMax) return undefined;
  const match = unaryContentType.exec(contentType);
  if (match === null) return undefined;
  return match[1] === undefined ? json : proto;
}

const proto = { binary: true };
const json = { binary: false };
const unaryContentType = /^application\/(?:json(?:; ?charset=utf-?8)?|(proto))$/i;
const contentTypeMax = 40;
/** Timers take no longer; a deadline beyond is none. */
const timerMsMax = 2 ** 31 - 1;

/**
 * The Connect protocol for one unary method, without what the library makes for every call: no streams, no signals, no
 * timers and no header objects that nobody asked for. Behaves as the library's handler (both run the conformance suite);
 * deadlines are kept even when the implementation does not listen.
 */
export function createUnaryFastPath(
  method: DescMethodUnary,
  fn: UnaryFunction | undefined,
  settings: FastPathSettings,
): UnaryFastPath {
  const { metrics, errors, messageBytesMax } = settings;
  const limits = {
    readMaxBytes: messageBytesMax,
    writeMaxBytes: settings.answerBytesMax,
    compressMinBytes: COMPRESS_BYTES_MIN,
  };
  const codecs = createMethodSerializationLookup(method, undefined, settings.jsonOptions, limits);
  const written = { binary: codecs.getO(true), json: codecs.getO(false) };
  if (settings.lists?.has(method) === true) {
    written.binary = createListCodec(method, written.binary, settings.answerBytesMax);
  }

  return async (request, binary) => {
    const { headers } = request;
    const began = metrics === undefined ? 0 : performance.now();
    const timeout = timeoutOf(headers.get("connect-timeout-ms"));
    const packing = packingOf(headers);
    const context = new FastContext(method, timeout.timeoutMs, request);
    let running = false;
    try {
      settings.token?.(method.parent, headers);
      if (packing.error !== undefined) throw packing.error;
      if (timeout.error !== undefined) throw timeout.error;
      const packed = await readBody(request, messageBytesMax);
      const unpacked = packing.request === null ? packed : await packing.request.decompress(packed, messageBytesMax);
      const input = codecs.getI(binary).parse(unpacked) as Message;
      running = true;
      const output = await withinDeadline(method, fn, input, context, timeout.timeoutMs, settings.interceptors);
      const body = (binary ? written.binary : written.json).serialize(output);
      const answer = answerMessage(body, binary, context, packing.response);
      metrics?.observe(method, undefined, (performance.now() - began) / 1000, context);
      return answer instanceof Response ? answer : await answer;
    } catch (error) {
      const wire = errors.toConnect(error, error instanceof ConnectError ? undefined : context.traceId());
      // What is wrong with a request is its sender's business, not the log's.
      if (running) logUnexpected(settings.clog, methodName(method), wire, error, context.traceId());
      metrics?.observe(method, wire.code, (performance.now() - began) / 1000, context);
      context.abort(wire);
      return await answerError(wire, context, packing.response, settings.jsonOptions);
    } finally {
      context.end();
    }
  };
}

interface Timeout {
  readonly timeoutMs?: number;
  readonly error?: ConnectError | undefined;
}
const noTimeout: Timeout = {};

function timeoutOf(header: string | null): Timeout {
  return header === null ? noTimeout : parseTimeout(header, Number.MAX_SAFE_INTEGER);
}

interface Packing {
  readonly request: Compression | null;
  readonly response: Compression | null;
  readonly error?: ConnectError;
}
const plain: Packing = { request: null, response: null };
const compressions = [gzipCompression];

function packingOf(headers: Headers): Packing {
  const requested = headers.get("content-encoding");
  const accepted = headers.get("accept-encoding");
  if (requested === null && (accepted === null || accepted === "identity")) return plain;
  return compressionNegotiate(compressions, requested, accepted, "Accept-Encoding");
}

function withinDeadline(
  method: DescMethodUnary,
  fn: UnaryFunction | undefined,
  input: Message,
  context: FastContext,
  timeoutMs: number | undefined,
  interceptors: readonly Interceptor[],
): Promise<Message> {
  if (fn === undefined) throw unimplementedError(method);
  if (timeoutMs === undefined || timeoutMs > timerMsMax) return invokeUnary(method, fn, input, context, interceptors);
  const left = context.timeoutMs() ?? 0;
  if (left <= 0) throw deadlineError();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = deadlineError();
      context.abort(error);
      reject(error);
    }, left);
    invokeUnary(method, fn, input, context, interceptors).then(
      (output) => {
        clearTimeout(timer);
        resolve(output);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
