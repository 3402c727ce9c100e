import type { ContentfulStatusCode } from "hono/utils/http-status";
import { AppError, ERRORS, type ErrorDetails, isAppError, toAppError } from "#proto/errors.ts";

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
    code,
    traceId,
    ...(details === undefined ? {} : { details }),
  };
  return { status: ERRORS[code].http as ContentfulStatusCode, headers: waitHeaders(details), body };
}

/** What the error says about waiting, as headers (spec 10 §1). */
function waitHeaders(details: ErrorDetails | undefined): Record<string, string> {
  const { retryAfterMs, limit } = details ?? {};
  if (typeof retryAfterMs !== "number") return {};
  const seconds = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  if (typeof limit !== "number") return { "Retry-After": seconds };
  return {
    "Retry-After": seconds,
    "X-RateLimit-Limit": String(limit),
    "X-RateLimit-Remaining": "0",
    "X-RateLimit-Reset": seconds,
  };
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
