/**
 * The business errors of every transport, append only. `number` is gochat.common.v1.ErrorCode, `ws` the code of an
 * `error` frame or a `failed` ack, `message` the text for people when the thrower gives none. Clients decide on the name.
 * `retry`: "same" = repeat the identical request with back-off, "after" = after the stated wait, "fix" = after something
 * was changed, "no" = never.
 */

export type Retry = "no" | "same" | "after" | "fix";

/** Codes of the Connect protocol, as written on the wire. */
export type ConnectName =
  | "canceled"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "unauthenticated";

export interface ErrorEntry {
  readonly number: number;
  readonly http: number;
  readonly connect: ConnectName;
  readonly ws: string;
  readonly retry: Retry;
  readonly message: string;
}

/** One row: number, HTTP status, Connect code, WebSocket code, retry, text. */
function row<N extends number>(
  number: N,
  http: number,
  connect: ConnectName,
  ws: string,
  retry: Retry,
  message: string,
): ErrorEntry & { readonly number: N } {
  return { number, http, connect, ws, retry, message };
}

// biome-ignore format: a table
export const ERRORS = {
  INTERNAL_ERROR: row(1000, 500, "internal", "INTERNAL_ERROR", "same", "Something went wrong"),
  INVALID_PARAMETER: row(1001, 400, "invalid_argument", "INVALID_MESSAGE", "fix", "Invalid parameter"),
  UNAUTHORIZED: row(1002, 401, "unauthenticated", "AUTH_FAILED", "fix", "Sign in first"),
  FORBIDDEN: row(1003, 403, "permission_denied", "FORBIDDEN", "no", "Not allowed"),
  NOT_FOUND: row(1004, 404, "not_found", "NOT_FOUND", "no", "Not found"),
  RATE_LIMITED: row(1005, 429, "resource_exhausted", "RATE_LIMITED", "after", "Too many requests"),
  SERVICE_UNAVAILABLE: row(1006, 503, "unavailable", "SERVICE_UNAVAILABLE", "same", "Service unavailable, try again"),
  TIMEOUT: row(1007, 504, "deadline_exceeded", "TIMEOUT", "same", "Timed out, try again"),
  VERSION_CONFLICT: row(1008, 409, "aborted", "VERSION_CONFLICT", "fix", "Changed by somebody else meanwhile"),
  IDEMPOTENCY_CONFLICT: row(1009, 409, "already_exists", "IDEMPOTENCY_CONFLICT", "fix", "This id was used for other content"),
  PAYLOAD_TOO_LARGE: row(1010, 413, "resource_exhausted", "MESSAGE_TOO_LARGE", "fix", "Request too large"),
  OPERATION_NOT_SUPPORTED: row(1011, 403, "failed_precondition", "OPERATION_NOT_SUPPORTED", "no", "Not possible here"),
  METHOD_NOT_ALLOWED: row(1012, 405, "unimplemented", "METHOD_NOT_ALLOWED", "no", "Method not allowed"),
  FEATURE_DISABLED: row(1013, 403, "failed_precondition", "FEATURE_DISABLED", "no", "This feature is switched off"),
  CANCELLED: row(1014, 499, "canceled", "CANCELLED", "no", "Cancelled"),
  USER_NOT_FOUND: row(2000, 404, "not_found", "USER_NOT_FOUND", "no", "User not found"),
  USER_ALREADY_EXISTS: row(2001, 400, "already_exists", "USER_ALREADY_EXISTS", "fix", "This name is taken"),
  AUTH_INVALID_CREDENTIALS: row(2002, 401, "unauthenticated", "AUTH_FAILED", "fix", "Wrong name or password"),
  INVALID_TOKEN: row(2003, 401, "unauthenticated", "AUTH_FAILED", "fix", "Invalid token"),
  TOKEN_EXPIRED: row(2004, 401, "unauthenticated", "AUTH_FAILED", "fix", "Token expired"),
  USER_DISABLED: row(2005, 423, "permission_denied", "USER_DISABLED", "no", "This account is disabled"),
  INVALID_USERNAME: row(2006, 400, "invalid_argument", "INVALID_USERNAME", "fix", "Names have 3 to 20 letters, digits or underscores"),
  WEAK_PASSWORD: row(2007, 400, "invalid_argument", "WEAK_PASSWORD", "fix", "Passwords have 6 to 50 characters"),
  GUEST_FORBIDDEN: row(2008, 403, "permission_denied", "FORBIDDEN", "no", "Guests may not do this"),
  GUEST_DISABLED: row(2009, 403, "permission_denied", "GUEST_DISABLED", "no", "Guest access is switched off"),
  NOT_GUEST: row(2010, 403, "failed_precondition", "NOT_GUEST", "no", "Not a guest account"),
  LOGIN_LOCKED: row(2011, 429, "resource_exhausted", "LOGIN_LOCKED", "after", "Too many failed attempts, wait a little"),
  TOKEN_REUSED: row(2012, 401, "unauthenticated", "AUTH_FAILED", "fix", "Token was used before, sign in again"),
  SESSION_NOT_FOUND: row(2013, 404, "not_found", "SESSION_NOT_FOUND", "no", "Session not found"),
  SESSION_LIMIT: row(2014, 409, "resource_exhausted", "SESSION_LIMIT", "fix", "Too many devices"),
  MESSAGE_NOT_FOUND: row(3000, 404, "not_found", "MESSAGE_NOT_FOUND", "no", "Message not found"),
  DUPLICATE_MESSAGE: row(3001, 200, "already_exists", "DUPLICATE_MESSAGE", "no", "Message was stored before"),
  INVALID_MESSAGE_FORMAT: row(3002, 400, "invalid_argument", "INVALID_MESSAGE", "fix", "Invalid message"),
  MESSAGE_TOO_LONG: row(3003, 400, "invalid_argument", "MESSAGE_TOO_LARGE", "fix", "Message too long"),
  MESSAGE_EMPTY: row(3004, 400, "invalid_argument", "INVALID_MESSAGE", "fix", "Message is empty"),
  UNSUPPORTED_MESSAGE_TYPE: row(3005, 400, "invalid_argument", "INVALID_MESSAGE", "fix", "Unsupported message type"),
  MESSAGE_RECALLED: row(3006, 410, "failed_precondition", "MESSAGE_RECALLED", "no", "Message was recalled"),
  RECALL_TIME_EXCEEDED: row(3007, 409, "failed_precondition", "RECALL_TIME_EXCEEDED", "no", "Too late for that"),
  CONTENT_REJECTED: row(3008, 422, "failed_precondition", "CONTENT_REJECTED", "fix", "Content was rejected"),
  PIN_LIMIT: row(3009, 409, "resource_exhausted", "PIN_LIMIT", "fix", "Too many pins"),
  REACTION_LIMIT: row(3010, 409, "resource_exhausted", "REACTION_LIMIT", "fix", "Too many different reactions"),
  CONVERSATION_NOT_FOUND: row(4000, 404, "not_found", "CONVERSATION_NOT_FOUND", "no", "Conversation not found"),
  NOT_CONVERSATION_MEMBER: row(4001, 403, "permission_denied", "NOT_CONVERSATION_MEMBER", "no", "Not a member of this conversation"),
  CONVERSATION_FULL: row(4002, 409, "resource_exhausted", "CONVERSATION_FULL", "fix", "The conversation is full"),
  INSUFFICIENT_PERMISSION: row(4003, 403, "permission_denied", "INSUFFICIENT_PERMISSION", "no", "Your role does not allow this"),
  CONVERSATION_DISSOLVED: row(4004, 410, "failed_precondition", "CONVERSATION_NOT_FOUND", "no", "The conversation was dissolved"),
  USER_ALREADY_IN_CONVERSATION: row(4005, 409, "already_exists", "USER_ALREADY_IN_CONVERSATION", "no", "Already a member"),
  INVALID_CONVERSATION_NAME: row(4006, 400, "invalid_argument", "INVALID_CONVERSATION_NAME", "fix", "Conversation names have 1 to 50 characters"),
  CANNOT_LEAVE_CONVERSATION: row(4007, 409, "failed_precondition", "CANNOT_LEAVE_CONVERSATION", "fix", "You cannot leave this conversation"),
  USER_MUTED: row(4008, 403, "permission_denied", "USER_MUTED", "after", "You are muted"),
  CANNOT_CHAT_SELF: row(4009, 400, "invalid_argument", "CANNOT_CHAT_SELF", "no", "You cannot chat with yourself"),
  ALREADY_REQUESTED: row(4010, 409, "already_exists", "ALREADY_REQUESTED", "no", "Already requested"),
  JOIN_REQUEST_NOT_FOUND: row(4011, 404, "not_found", "JOIN_REQUEST_NOT_FOUND", "no", "Join request not found"),
  FRIEND_REQUEST_NOT_FOUND: row(5000, 404, "not_found", "FRIEND_REQUEST_NOT_FOUND", "no", "Friend request not found"),
  FRIEND_REQUEST_ALREADY_EXISTS: row(5001, 409, "already_exists", "FRIEND_REQUEST_ALREADY_EXISTS", "no", "Already requested"),
  ALREADY_FRIENDS: row(5002, 409, "already_exists", "ALREADY_FRIENDS", "no", "Already friends"),
  NOT_FRIENDS: row(5003, 403, "failed_precondition", "NOT_FRIENDS", "no", "Not friends"),
  CANNOT_ADD_SELF_AS_FRIEND: row(5004, 400, "invalid_argument", "CANNOT_ADD_SELF_AS_FRIEND", "no", "You cannot befriend yourself"),
  FRIEND_REQUEST_ALREADY_HANDLED: row(5005, 409, "failed_precondition", "FRIEND_REQUEST_ALREADY_HANDLED", "no", "Already answered"),
  BLOCKED_BY_USER: row(5006, 403, "permission_denied", "FORBIDDEN", "no", "Not allowed"),
  FILE_NOT_FOUND: row(6000, 404, "not_found", "INVALID_MESSAGE", "no", "File not found"),
  UNSUPPORTED_FILE_FORMAT: row(6001, 415, "invalid_argument", "UNSUPPORTED_FILE_FORMAT", "fix", "Unsupported file format"),
  FILE_TOO_LARGE: row(6002, 413, "resource_exhausted", "FILE_TOO_LARGE", "fix", "File too large"),
  FILE_UPLOAD_FAILED: row(6003, 409, "aborted", "FILE_UPLOAD_FAILED", "same", "Upload failed"),
  FILE_DOWNLOAD_FAILED: row(6004, 502, "unavailable", "FILE_DOWNLOAD_FAILED", "same", "Download failed"),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorName = keyof typeof ERRORS;

/** Facts about one error for the client: JSON values only, never internals. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface AppErrorOptions {
  readonly message?: string | undefined;
  readonly details?: ErrorDetails | undefined;
  readonly cause?: unknown;
  readonly traceId?: string | undefined;
}

/** A decided outcome with a name of the table. `message` and `details` may be shown to the caller, `cause` never. */
export class AppError extends Error {
  readonly code: ErrorName;
  readonly details: ErrorDetails | undefined;
  readonly traceId: string | undefined;

  constructor(code: ErrorName, options: AppErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.details = options.details;
    this.traceId = options.traceId;
  }
}

/** With a code: also asks for that code. */
export function isAppError(error: unknown, code?: ErrorName): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

export function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(ERRORS, name);
}

/** The table's row; whatever is not an AppError is INTERNAL_ERROR. */
export function kindOf(error: unknown): ErrorEntry {
  return ERRORS[isAppError(error) ? error.code : "INTERNAL_ERROR"];
}

/** What a rim answers for a caught value: itself, or an INTERNAL_ERROR that keeps it as cause and tells nothing. */
export function toAppError(error: unknown): AppError {
  return isAppError(error) ? error : new AppError("INTERNAL_ERROR", { cause: error });
}
