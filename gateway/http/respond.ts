import type { ContentfulStatusCode } from "hono/utils/http-status";
import { AppError, ERRORS, isAppError, toAppError } from "#proto/errors.ts";
import type { ApiContext } from "./context.ts";

/** The success envelope of spec 10 §1. */
export function ok(c: ApiContext, data?: object, status: 200 | 201 = 200, message = "OK"): Response {
  return c.json(data === undefined ? { success: true, message } : { success: true, message, data }, status);
}

export interface ErrorEnvelope {
  readonly success: false;
  readonly message: string;
  readonly code: string;
  readonly traceId: string;
  readonly details?: object;
}

/** Status, headers and body for what was thrown. Anything but an AppError is INTERNAL_ERROR and tells nothing. */
export function errorEnvelope(
  error: unknown,
  traceId: string,
): { status: ContentfulStatusCode; headers: Record<string, string>; body: ErrorEnvelope } {
  const known = toAppError(normalised(error));
  const { code, details } = known;
  const body: ErrorEnvelope = {
    success: false,
    message: known.message,
    code: code === "BLOCKED_BY_USER" ? "BLOCKED_BY_USER" : code,
    traceId,
    ...(details === undefined ? {} : { details }),
  };
  const retryAfterMs = details?.retryAfterMs;
  const headers: Record<string, string> =
    typeof retryAfterMs === "number" ? { "Retry-After": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) } : {};
  return { status: ERRORS[code].http as ContentfulStatusCode, headers, body };
}

/** A complete error response, for what is answered outside of the routes. */
export function errorResponse(error: unknown, traceId: string): Response {
  const { status, headers, body } = errorEnvelope(error, traceId);
  return Response.json(body, { status, headers: { ...headers, "X-Trace-ID": traceId } });
}

/** Deadlines and aborts of a call have their own codes. */
function normalised(error: unknown): unknown {
  if (isAppError(error) || !(error instanceof Error)) return error;
  if (error.name === "TimeoutError") return new AppError("TIMEOUT", { cause: error });
  if (error.name === "AbortError") return new AppError("CANCELLED", { cause: error });
  return error;
}
