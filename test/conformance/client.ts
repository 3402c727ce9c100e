/** The client under test, as `connectconformance --mode client` starts it: cases on stdin, what the client saw on stdout. */
import { create, createRegistry, type DescMethod, type Message } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { type CallOptions, ConnectError, createClient } from "@connectrpc/connect";
import { createClientTransport } from "../../infra/rpc/client-transport.ts";
import { fixedTarget } from "../../infra/rpc/target.ts";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  ClientCompatResponseSchema,
  type ClientResponseResult,
  ClientResponseResultSchema,
} from "./gen/client_compat_pb.ts";
import { Codec, Compression, Protocol } from "./gen/config_pb.ts";
import {
  type ConformancePayload,
  ConformancePayloadSchema,
  ConformanceService,
  file_connectrpc_conformance_v1_service,
} from "./gen/service_pb.ts";
import { fromHeaders, seenError, toHeaders } from "./metadata.ts";
import { readMessages, writeMessage } from "./stdio.ts";

const registry = createRegistry(file_connectrpc_conformance_v1_service);
/** Calls at a time: few, because some cases count milliseconds. */
const parallel = 4;

function clientOf(request: ClientCompatRequest) {
  const tls = request.serverTlsCert.length > 0;
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  const credentials = request.clientTlsCreds;
  const certificate = credentials === undefined ? {} : { cert: text(credentials.cert), key: text(credentials.key) };
  const transport = createClientTransport({
    targets: fixedTarget(`${tls ? "https" : "http"}://${request.host}:${request.port}`),
    protocol: request.protocol === Protocol.GRPC_WEB ? "grpc-web" : "connect",
    json: request.codec === Codec.JSON,
    jsonOptions: { registry },
    gzip: request.compression === Compression.GZIP,
    compressBytesMin: 0,
    httpGet: request.useGetHttpMethod,
    ...(request.messageReceiveLimit === 0 ? {} : { messageBytesMax: request.messageReceiveLimit }),
    ...(tls ? { tls: { ca: text(request.serverTlsCert), ...certificate } } : {}),
  });
  return createClient(ConformanceService, transport);
}

type Answer = { readonly payload?: ConformancePayload };
type Call = (input: Message, options: CallOptions) => Promise<Answer> | AsyncIterable<Answer>;

async function run(request: ClientCompatRequest): Promise<ClientResponseResult> {
  const method: DescMethod | undefined = ConformanceService.methods.find(({ name }) => name === request.method);
  if (method === undefined) throw new Error(`no method ${request.method}`);
  const call = (clientOf(request) as unknown as Record<string, Call>)[method.localName] as Call;
  const seen = create(ClientResponseResultSchema);
  const away = new AbortController();
  const options: CallOptions = {
    headers: toHeaders(request.requestHeaders),
    signal: away.signal,
    onHeader(headers) {
      seen.responseHeaders = fromHeaders(headers);
    },
    onTrailer(trailers) {
      seen.responseTrailers = fromHeaders(trailers);
    },
    ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
  };
  const timing = request.cancel?.cancelTiming;
  try {
    const answer = call(inputOf(request.requestMessages[0]), options);
    if (timing?.case === "afterCloseSendMs") setTimeout(() => away.abort(), timing.value);
    const rows = answer instanceof Promise ? [await answer] : answer;
    for await (const { payload } of rows) {
      seen.payloads.push(payload ?? create(ConformancePayloadSchema));
      if (timing?.case === "afterNumResponses" && timing.value === seen.payloads.length) away.abort();
    }
  } catch (error) {
    const wire = ConnectError.from(error);
    seen.error = seenError(wire);
    if (seen.responseHeaders.length === 0) seen.responseHeaders = fromHeaders(wire.metadata);
    if (seen.responseTrailers.length === 0) seen.responseTrailers = trailersOf(wire.metadata);
  }
  return seen;
}

/** The metadata of an error holds headers and trailers; those of a unary response keep their prefix. */
function trailersOf(metadata: Headers) {
  return fromHeaders(new Headers([...metadata].map(([name, value]) => [name.replace(/^trailer-/, ""), value])));
}

function inputOf(any: Any | undefined): Message {
  const message = any === undefined ? undefined : anyUnpack(any, registry);
  if (message === undefined) throw new Error("a case without a request message");
  return message;
}

async function answer(request: ClientCompatRequest): Promise<void> {
  const { testName } = request;
  const response = create(ClientCompatResponseSchema, { testName });
  try {
    response.result = { case: "response", value: await run(request) };
  } catch (error) {
    response.result = {
      case: "error",
      value: { $typeName: "connectrpc.conformance.v1.ClientErrorResult", message: String(error) },
    };
  }
  await writeMessage(ClientCompatResponseSchema, response);
}

const running = new Set<Promise<void>>();
for await (const request of readMessages(ClientCompatRequestSchema)) {
  const one: Promise<void> = answer(request).finally(() => running.delete(one));
  running.add(one);
  if (running.size >= parallel) await Promise.race(running);
}
await Promise.all(running);
process.exit(0);
