import type { DescMethod, DescMethodUnary, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";

/** A service and its implementation: plain connect-es; methods that are missing answer `unimplemented`. */
export interface RpcService {
  readonly service: DescService;
  readonly impl: Readonly<Record<string, unknown>>;
}

export function rpcService<S extends DescService>(service: S, impl: Partial<ServiceImpl<S>>): RpcService {
  return { service, impl };
}

/** Between the program's own errors and those of the wire; the implementation knows the error table. */
export interface ErrorTranslator {
  /** Whatever a handler threw. `traceId` goes into the detail when the error has none. */
  toConnect(error: unknown, traceId?: string): ConnectError;
  fromConnect(error: ConnectError): unknown;
  /** The same call would end the same way: a decision of the other side, whatever its code. Without it the code alone says. */
  isDecided?(error: unknown): boolean;
}

/** Without a table: callers see ConnectErrors. */
export const connectErrorsOnly: ErrorTranslator = {
  toConnect: (error) => ConnectError.from(error, Code.Internal),
  fromConnect: (error) => error,
};

/**
 * Wraps each unary call of a client: the seam for retries and breakers. Sees the program's own errors, not the wire's.
 * `timeoutMs` is what the caller gives the whole call, repeats included (≤ 0: no bound); `call` takes what is left of it.
 */
export type CallWrapper = <T>(
  method: DescMethod,
  signal: AbortSignal | undefined,
  call: (timeoutMs?: number) => Promise<T>,
  timeoutMs: number,
) => Promise<T>;

/** Largest message in bytes, both directions. */
export const MESSAGE_BYTES_MAX = 10 * 1024 * 1024;
/** Deadline of a call that names none. */
export const TIMEOUT_MS_DEFAULT = 5_000;

export const SERVICE_NAME_HEADER = "x-service-name";
export const SERVICE_TOKEN_HEADER = "x-service-token";
export const TRACE_HEADER = "x-trace-id";

/** `gochat.repo.v1.UserService/GetUser`, as in metrics and logs. */
export function methodName(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

export function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

export type UnaryFunction = (
  request: MessageShape<DescMethodUnary["input"]>,
  context: unknown,
) => Promise<MessageInitShape<DescMethodUnary["output"]>> | MessageInitShape<DescMethodUnary["output"]>;

export function deadlineError(): ConnectError {
  return new ConnectError("the deadline has passed", Code.DeadlineExceeded);
}

export function canceledError(cause?: unknown): ConnectError {
  return new ConnectError("the caller went away", Code.Canceled, undefined, undefined, cause);
}

/** Why a signal aborted. That of an outer call carries that call's ConnectError. */
export function abortError(signal: AbortSignal | undefined): ConnectError {
  const reason: unknown = signal?.reason;
  if (reason instanceof ConnectError) return reason;
  return reason instanceof Error && reason.name === "TimeoutError" ? deadlineError() : canceledError(reason);
}

export function unimplementedError(method: DescMethod): ConnectError {
  return new ConnectError(`${method.parent.typeName}.${method.name} is not implemented`, Code.Unimplemented);
}
