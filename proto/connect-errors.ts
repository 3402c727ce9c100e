import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  AppError,
  type ConnectName,
  ERRORS,
  type ErrorDetails,
  type ErrorName,
  isAppError,
  isErrorName,
} from "./errors.ts";
import { type ErrorDetail, ErrorDetailSchema } from "./gen/gochat/common/v1/error_pb.ts";

/** Between this program's errors and those of the wire. Structurally infra/rpc's port of the same name. */
export interface ErrorTranslator {
  toConnect(error: unknown, traceId?: string): ConnectError;
  fromConnect(error: ConnectError): unknown;
  isDecided(error: unknown): boolean;
}

const CODES = {
  canceled: Code.Canceled,
  invalid_argument: Code.InvalidArgument,
  deadline_exceeded: Code.DeadlineExceeded,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
  unavailable: Code.Unavailable,
  unauthenticated: Code.Unauthenticated,
} as const satisfies Record<ConnectName, Code>;

/** Errors by which infra/uid says that there are no ids for now, as while etcd is away. */
const NO_IDS: ReadonlySet<string> = new Set(["LeaseStaleError", "ClockBackError"]);

/** For an error of the wire that carries no detail. */
const GENERIC: Partial<Record<Code, ErrorName>> = {
  [Code.InvalidArgument]: "INVALID_PARAMETER",
  [Code.OutOfRange]: "INVALID_PARAMETER",
  [Code.Unauthenticated]: "UNAUTHORIZED",
  [Code.PermissionDenied]: "FORBIDDEN",
  [Code.NotFound]: "NOT_FOUND",
  [Code.AlreadyExists]: "VERSION_CONFLICT",
  [Code.Aborted]: "VERSION_CONFLICT",
  [Code.ResourceExhausted]: "RATE_LIMITED",
  [Code.FailedPrecondition]: "OPERATION_NOT_SUPPORTED",
  [Code.Unavailable]: "SERVICE_UNAVAILABLE",
  [Code.DeadlineExceeded]: "TIMEOUT",
  [Code.Canceled]: "CANCELLED",
  [Code.Unimplemented]: "METHOD_NOT_ALLOWED",
};

/** AppErrors travel whole; ConnectErrors of the library pass; anything else becomes an INTERNAL_ERROR without its text. */
export const connectErrors: ErrorTranslator = {
  toConnect(error, traceId) {
    if (error instanceof ConnectError) return error;
    if (isAppError(error)) return encode(error, traceId);
    if (error instanceof Error && error.name === "AbortError")
      return new ConnectError("cancelled", Code.Canceled, undefined, undefined, error);
    if (error instanceof Error && error.name === "TimeoutError")
      return new ConnectError("timed out", Code.DeadlineExceeded, undefined, undefined, error);
    if (error instanceof Error && NO_IDS.has(error.name))
      return encode(new AppError("SERVICE_UNAVAILABLE", { cause: error }), traceId);
    return encode(new AppError("INTERNAL_ERROR", { cause: error }), traceId);
  },
  fromConnect(error) {
    const detail = error.findDetails(ErrorDetailSchema)[0];
    const generic = GENERIC[error.code] ?? "INTERNAL_ERROR";
    if (detail === undefined) return new AppError(generic, { cause: error });
    // A name of a newer peer is not in the table: its Connect code still says what to do.
    return new AppError(isErrorName(detail.name) ? detail.name : generic, {
      message: detail.message,
      details: decodeMeta(detail.meta),
      traceId: detail.traceId === "" ? undefined : detail.traceId,
      cause: error,
    });
  },
  isDecided(error) {
    if (!isAppError(error) || ERRORS[error.code].retry === "same") return false;
    // Without a detail the name was only guessed from the code of a proxy or the library.
    return !(error.cause instanceof ConnectError) || error.cause.findDetails(ErrorDetailSchema).length > 0;
  },
};

function encode(error: AppError, traceId: string | undefined): ConnectError {
  const entry = ERRORS[error.code];
  const value: ErrorDetail = create(ErrorDetailSchema, {
    code: entry.number,
    name: error.code,
    message: error.message,
    traceId: error.traceId ?? traceId ?? "",
    meta: encodeMeta(error.details),
  });
  return new ConnectError(error.message, CODES[entry.connect], undefined, [{ desc: ErrorDetailSchema, value }], error);
}

/** Text stays as it is unless it would read as JSON; all else is JSON. */
function encodeMeta(details: ErrorDetails | undefined): Record<string, string> {
  const meta: Record<string, string> = {};
  for (const [key, value] of Object.entries(details ?? {})) {
    if (value === undefined) continue;
    meta[key] = typeof value === "string" && parsed(value) === undefined ? value : JSON.stringify(value);
  }
  return meta;
}

function decodeMeta(meta: Record<string, string>): ErrorDetails | undefined {
  const entries = Object.entries(meta);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([key, text]) => [key, parsedOr(text)]));
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function parsedOr(text: string): unknown {
  const json = parsed(text);
  return json === undefined ? text : json.value;
}
