import type { CallOptions, HandlerContext } from "@connectrpc/connect";
import { headerOf } from "#infra/rpc/call-context.ts";
import { TRACE_HEADER } from "#infra/rpc/rpc.ts";
import { TRACEPARENT_HEADER } from "#infra/trace/w3c.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import { AppError } from "#proto/errors.ts";
import { isConversationId, isId, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from "#proto/limits.ts";

/** INVALID_PARAMETER that names the field of the request. */
export function invalid(field: string): AppError {
  return new AppError("INVALID_PARAMETER", { details: { fields: [field] } });
}

/** A user id in a request. Throws INVALID_PARAMETER. */
export function requireUserId(text: string, field = "user_id"): bigint {
  if (!isId(text)) throw invalid(field);
  return BigInt(text);
}

/** An id that no conversation can have is one that does not exist. Throws CONVERSATION_NOT_FOUND. */
export function requireConversationId(text: string): string {
  if (!isConversationId(text)) throw new AppError("CONVERSATION_NOT_FOUND");
  return text;
}

export interface Page {
  readonly page: number;
  readonly pageSize: number;
  readonly offset: number;
}

/** Pages far beyond any list are refused, so that no offset overflows. */
const pageMax = 1_000_000;

/** Pages count from 1; 0 takes the defaults. Throws INVALID_PARAMETER. */
export function pageOf(page: number, pageSize: number): Page {
  const number = page === 0 ? 1 : page;
  const size = pageSize === 0 ? PAGE_SIZE_DEFAULT : pageSize;
  if (number < 1 || number > pageMax) throw invalid("page");
  if (size < 1 || size > PAGE_SIZE_MAX) throw invalid("page_size");
  return { page: number, pageSize: size, offset: (number - 1) * size };
}

/** Options of the calls that answering `call` takes: what is left of its deadline, 1 ms when that has passed, and its trace. */
export function optionsOf(call: HandlerContext): CallOptions {
  const leftMs = call.timeoutMs();
  const headers: Record<string, string> = {};
  const traceId = headerOf(call, TRACE_HEADER);
  const traceparent = headerOf(call, TRACEPARENT_HEADER);
  if (traceId !== undefined) headers[TRACE_HEADER] = traceId;
  if (traceparent !== undefined) headers[TRACEPARENT_HEADER] = traceparent;
  // Without time left it would be a call without a bound.
  return leftMs === undefined ? { headers } : { timeoutMs: Math.max(1, leftMs), headers };
}

/** The trace of the call, or a new one. */
export function traceOf(call: HandlerContext): string {
  return headerOf(call, TRACE_HEADER) ?? uuidv7();
}
