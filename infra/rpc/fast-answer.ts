import type { JsonWriteOptions } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { type Compression, mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import type { CallContext } from "./call-context.ts";
import { COMPRESS_BYTES_MIN } from "./compression.ts";

const protoType = "application/proto";
const jsonType = "application/json";
const protoInit = { headers: { "content-type": protoType } };
const jsonInit = { headers: { "content-type": jsonType } };

/** A message that was encoded. Synchronous unless it is to be compressed. */
export function answerMessage(
  body: Uint8Array,
  binary: boolean,
  context: CallContext,
  compression: Compression | null,
): Response | Promise<Response> {
  const untouched = context.madeResponseHeader === undefined && context.madeResponseTrailer === undefined;
  const compressed = compression !== null && body.byteLength >= COMPRESS_BYTES_MIN;
  if (untouched && !compressed) return new Response(body as BodyInit, binary ? protoInit : jsonInit);
  const header = headersOf(context, binary ? protoType : jsonType);
  return compressed ? packed(body, 200, header, compression) : new Response(body as BodyInit, { headers: header });
}

/** An error: always JSON, with the metadata that it carries. */
export async function answerError(
  error: ConnectError,
  context: CallContext,
  compression: Compression | null,
  jsonOptions: Partial<JsonWriteOptions> | undefined,
): Promise<Response> {
  const header = headersOf(context, jsonType);
  // What came over the wire from another server is not passed on as our own metadata.
  if (!("isWireError" in error && error.isWireError === true)) mergeNonProtocolHeaders(header, error.metadata);
  const status = codeToHttpStatus(error.code);
  const body = errorToJsonBytes(error, jsonOptions);
  if (compression !== null && body.byteLength >= COMPRESS_BYTES_MIN) return packed(body, status, header, compression);
  return new Response(body as BodyInit, { status, headers: header });
}

/** Trailers of a unary call travel as headers with a prefix. */
function headersOf(context: CallContext, contentType: string): Headers {
  const header = new Headers(context.madeResponseHeader);
  header.set("content-type", contentType);
  context.madeResponseTrailer?.forEach((value, name) => {
    header.append(`trailer-${name}`, value);
  });
  return header;
}

async function packed(body: Uint8Array, status: number, header: Headers, compression: Compression): Promise<Response> {
  const bytes = await compression.compress(body);
  header.set("content-encoding", compression.name);
  return new Response(bytes, { status, headers: header });
}
