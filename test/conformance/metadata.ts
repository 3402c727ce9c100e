import { create } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Code as WireCode } from "./gen/config_pb.ts";
import {
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  ErrorSchema,
  type Header,
  HeaderSchema,
  type Error as WireError,
} from "./gen/service_pb.ts";

/** The suite numbers its codes as the protocol does. */
const codes: Readonly<Record<number, Code | undefined>> = Object.fromEntries(
  Object.values(Code).flatMap((code) => (typeof code === "number" ? [[code, code]] : [])),
);

export function toHeaders(list: readonly Header[], into: Headers = new Headers()): Headers {
  for (const { name, value } of list) for (const one of value) into.append(name, one);
  return into;
}

export function fromHeaders(headers: Headers): Header[] {
  return [...headers].map(([name, value]) => create(HeaderSchema, { name, value: value.split(", ") }));
}

/** The error that the case asks for. `info` is the detail that shows what arrived. */
export function thrown(error: WireError, info?: ConformancePayload_RequestInfo): ConnectError {
  const made = new ConnectError(error.message ?? "", codes[error.code] ?? Code.Unknown);
  for (const { typeUrl, value } of error.details) made.details.push({ type: typeName(typeUrl), value });
  if (info !== undefined) made.details.push({ desc: ConformancePayload_RequestInfoSchema, value: info });
  return made;
}

/** What the client saw, in the suite's words. */
export function seenError(error: ConnectError): WireError {
  const details: Any[] = error.details.map((detail) =>
    "desc" in detail
      ? anyPack(detail.desc, create(detail.desc, detail.value))
      : create(AnySchema, { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value }),
  );
  return create(ErrorSchema, { code: error.code as unknown as WireCode, message: error.rawMessage, details });
}

function typeName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}
