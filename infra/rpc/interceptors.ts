import { timingSafeEqual } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Logger } from "../clog/clog.ts";
import { deadlineError, type ErrorTranslator, methodName, SERVICE_TOKEN_HEADER, TRACE_HEADER } from "./rpc.ts";
import type { ServerMetrics } from "./server-metrics.ts";

/** Server: whatever a handler throws, also between the rows of a stream, leaves as a ConnectError with its detail; what
 *  nobody decided is logged once. */
export function errorInterceptor(errors: ErrorTranslator, clog: Logger): Interceptor {
  return (next) => async (request) => {
    const translate = (error: unknown): ConnectError => {
      const traceId = request.header.get(TRACE_HEADER) ?? undefined;
      const translated = errors.toConnect(error, traceId);
      logUnexpected(clog, methodName(request.method), translated, error, traceId);
      return translated;
    };
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: translatedRows(response.message, translate) } : response;
    } catch (error) {
      throw translate(error);
    }
  };
}

async function* translatedRows<T>(
  rows: AsyncIterable<T>,
  translate: (error: unknown) => ConnectError,
): AsyncGenerator<T> {
  try {
    yield* rows;
  } catch (error) {
    throw translate(error);
  }
}

export function logUnexpected(
  clog: Logger,
  method: string,
  translated: ConnectError,
  error: unknown,
  traceId?: string,
): void {
  if (translated.code !== Code.Internal && translated.code !== Code.Unknown) return;
  clog.error("rpc failed", { method, err: error, ...(traceId === undefined ? {} : { trace_id: traceId }) });
}

/** Server: refuses work whose deadline has passed, and answers at the deadline even if the handler does not listen. */
export function deadlineInterceptor(): Interceptor {
  return (next) => (request) => {
    if (request.stream) return next(request);
    const { signal } = request;
    if (signal.aborted) return Promise.reject(deadlineError());
    return new Promise((resolve, reject) => {
      const expire = (): void => reject(signal.reason instanceof ConnectError ? signal.reason : deadlineError());
      signal.addEventListener("abort", expire, { once: true });
      next(request)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", expire));
    });
  };
}

/** Server: gives a call without a trace id one, so that its log lines can be found. */
export function traceInterceptor(): Interceptor {
  return (next) => (request) => {
    if (!request.header.has(TRACE_HEADER)) request.header.set(TRACE_HEADER, Bun.randomUUIDv7());
    return next(request);
  };
}

export function metricsInterceptor(metrics: ServerMetrics, now: () => number = () => performance.now()): Interceptor {
  return (next) => async (request) => {
    const began = now();
    const call = { traceId: () => request.header.get(TRACE_HEADER) ?? undefined };
    try {
      const response = await next(request);
      metrics.observe(request.method, undefined, (now() - began) / 1000, call);
      return response;
    } catch (error) {
      metrics.observe(request.method, ConnectError.from(error, Code.Internal).code, (now() - began) / 1000, call);
      throw error;
    }
  };
}

export interface ServiceTokenOptions {
  readonly token: string;
  /** Full names of services that answer without a token, such as health. */
  readonly open?: readonly string[];
}

/** Throws `unauthenticated` when the headers of a call show no token, or another one. */
export type ServiceTokenCheck = (service: DescService, headers: Headers) => void;

/** Runs before the body is read. The comparison takes the same time wherever the tokens differ. */
export function createServiceTokenCheck(options: ServiceTokenOptions): ServiceTokenCheck {
  const expected = digest(options.token);
  const open = new Set(options.open);
  return (service, headers) => {
    if (open.has(service.typeName)) return;
    const given = headers.get(SERVICE_TOKEN_HEADER);
    if (given === null || !timingSafeEqual(digest(given), expected)) {
      throw new ConnectError("service token missing or wrong", Code.Unauthenticated);
    }
  };
}

/** Tokens of any length compare as 32 bytes. */
function digest(token: string): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(token).digest();
}
