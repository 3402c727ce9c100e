import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  type ConformanceService,
  HeaderSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  type StreamResponseDefinition,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from "./gen/service_pb.ts";
import { fromHeaders, thrown, toHeaders } from "./metadata.ts";

/** The suite's service, as its documentation describes it: answers what the request says, and what arrived. */
export const conformanceService: Partial<ServiceImpl<typeof ConformanceService>> = {
  unary: async (request, context) => ({
    payload: await single(context, request.responseDefinition, infoOf(context, UnaryRequestSchema, [request])),
  }),
  idempotentUnary: async (request, context) => ({
    payload: await single(
      context,
      request.responseDefinition,
      infoOf(context, IdempotentUnaryRequestSchema, [request]),
    ),
  }),
  async clientStream(requests, context) {
    const all = await Array.fromAsync(requests);
    const info = infoOf(context, ClientStreamRequestSchema, all);
    return { payload: await single(context, all[0]?.responseDefinition, info) };
  },
  async *serverStream(request, context) {
    yield* several(context, request.responseDefinition, infoOf(context, ServerStreamRequestSchema, [request]));
  },
  async *bidiStream(requests, context) {
    const all = await Array.fromAsync(requests);
    yield* several(context, all[0]?.responseDefinition, infoOf(context, BidiStreamRequestSchema, all));
  },
};

interface Payload {
  readonly data: Uint8Array;
  readonly requestInfo?: ConformancePayload_RequestInfo;
}

async function single(
  context: HandlerContext,
  definition: UnaryResponseDefinition | undefined,
  requestInfo: ConformancePayload_RequestInfo,
): Promise<Payload> {
  if (definition === undefined) return { data: new Uint8Array(), requestInfo };
  toHeaders(definition.responseHeaders, context.responseHeader);
  toHeaders(definition.responseTrailers, context.responseTrailer);
  await pause(definition.responseDelayMs, context.signal);
  if (definition.response.case === "error") throw thrown(definition.response.value, requestInfo);
  return { data: definition.response.value ?? new Uint8Array(), requestInfo };
}

async function* several(
  context: HandlerContext,
  definition: StreamResponseDefinition | undefined,
  requestInfo: ConformancePayload_RequestInfo,
): AsyncGenerator<{ payload: Payload }> {
  if (definition === undefined) return;
  toHeaders(definition.responseHeaders, context.responseHeader);
  toHeaders(definition.responseTrailers, context.responseTrailer);
  let sent = 0;
  for (const data of definition.responseData) {
    await pause(definition.responseDelayMs, context.signal);
    yield { payload: sent === 0 ? { data, requestInfo } : { data } };
    sent += 1;
  }
  if (definition.error !== undefined) throw thrown(definition.error, sent === 0 ? requestInfo : undefined);
}

function infoOf<D extends DescMessage>(
  context: HandlerContext,
  desc: D,
  requests: readonly MessageShape<D>[],
): ConformancePayload_RequestInfo {
  const timeoutMs = context.timeoutMs();
  return create(ConformancePayload_RequestInfoSchema, {
    requestHeaders: fromHeaders(context.requestHeader),
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
    requests: requests.map((request) => anyPack(desc, request)),
    ...(context.requestMethod === "GET" ? { connectGetInfo: { queryParams: queryOf(context.url) } } : {}),
  });
}

function queryOf(url: string) {
  return [...new URL(url).searchParams].map(([name, value]) => create(HeaderSchema, { name, value: [value] }));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
