import {
  create,
  type DescMethodUnary,
  type DescService,
  isMessage,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import {
  type CallOptions,
  type Client,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { type Logger, silentLogger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { translated } from "./client.ts";
import { DirectContext } from "./direct-context.ts";
import { errorInterceptor, logUnexpected } from "./interceptors.ts";
import {
  type CallWrapper,
  canceledError,
  deadlineError,
  type ErrorTranslator,
  isUnary,
  methodName,
  type RpcService,
  TIMEOUT_MS_DEFAULT,
  type UnaryFunction,
  unimplementedError,
} from "./rpc.ts";
import { createServerMetrics, type ServerMetrics } from "./server-metrics.ts";

export interface DirectClientOptions {
  readonly errors: ErrorTranslator;
  readonly defaultTimeoutMs?: number;
  /** Outermost first. Each costs an allocation of headers per call. */
  readonly interceptors?: readonly Interceptor[];
  readonly clog?: Logger;
  readonly metrics?: Metrics;
  readonly wrap?: CallWrapper;
}

/** Calls the implementation in this process: the types, errors, deadlines and interceptors of a remote client, no bytes
 *  in between. Messages are handed over as they are, so neither side may change one afterwards. */
export function createDirectClient<S extends DescService>(
  service: S,
  impl: Partial<ServiceImpl<S>>,
  options: DirectClientOptions,
): Client<S> {
  const settings: Settings = {
    errors: options.errors,
    timeoutMs: options.defaultTimeoutMs ?? TIMEOUT_MS_DEFAULT,
    interceptors: options.interceptors ?? [],
    clog: options.clog ?? silentLogger,
    metrics: options.metrics === undefined ? undefined : createServerMetrics(options.metrics),
  };
  const functions = impl as Record<string, unknown>;
  const made: Record<string, unknown> = streamingMethods(service, impl, options);
  for (const method of service.methods) {
    if (!isUnary(method)) continue;
    const fn = functions[method.localName];
    const bound = typeof fn === "function" ? (fn as UnaryFunction).bind(impl) : undefined;
    const call = unaryCall(method, bound, settings);
    const { wrap } = options;
    made[method.localName] =
      wrap === undefined
        ? call
        : (input: object, callOptions?: CallOptions) =>
            wrap(method, callOptions?.signal, () => call(input, callOptions));
  }
  return made as unknown as Client<S>;
}

/** The direct client of one of a running service's `services`; throws when it is not among them. */
export function directClientOf<S extends DescService>(
  services: readonly RpcService[],
  service: S,
  options: DirectClientOptions,
): Client<S> {
  const found = services.find((candidate) => candidate.service.typeName === service.typeName);
  if (found === undefined) throw new Error(`${service.typeName} is not served in this process`);
  return createDirectClient(service, found.impl as Partial<ServiceImpl<S>>, options);
}

interface Settings {
  readonly errors: ErrorTranslator;
  readonly timeoutMs: number;
  readonly interceptors: readonly Interceptor[];
  readonly clog: Logger;
  readonly metrics: ServerMetrics | undefined;
}

/** Streams are rare: they go through the library, bytes and all. */
function streamingMethods<S extends DescService>(
  service: S,
  impl: Partial<ServiceImpl<S>>,
  options: DirectClientOptions,
): Record<string, unknown> {
  if (service.methods.every(isUnary)) return {};
  const interceptors = [
    errorInterceptor(options.errors, options.clog ?? silentLogger),
    ...(options.interceptors ?? []),
  ];
  const transport = createRouterTransport(({ service: add }) => add(service, impl), { router: { interceptors } });
  return { ...translated(service, createClient(service, transport), options.errors) };
}

function unaryCall(method: DescMethodUnary, fn: UnaryFunction | undefined, settings: Settings) {
  const { metrics, errors } = settings;
  return async (input: object, options: CallOptions = {}): Promise<Message> => {
    const timeoutMs = options.timeoutMs ?? settings.timeoutMs;
    const context = new DirectContext(method, timeoutMs > 0 ? timeoutMs : undefined, options);
    const began = metrics === undefined ? 0 : performance.now();
    try {
      const response = await withinDeadline(method, fn, input, context, settings.interceptors);
      metrics?.observe(method, undefined, (performance.now() - began) / 1000);
      if (options.onHeader !== undefined) options.onHeader(context.responseHeader);
      if (options.onTrailer !== undefined) options.onTrailer(context.responseTrailer);
      return response;
    } catch (error) {
      const wire = errors.toConnect(error, context.traceId());
      logUnexpected(settings.clog, methodName(method), wire, error, context.traceId());
      metrics?.observe(method, wire.code, (performance.now() - began) / 1000);
      throw errors.fromConnect(wire);
    } finally {
      context.end();
    }
  };
}

function withinDeadline(
  method: DescMethodUnary,
  fn: UnaryFunction | undefined,
  input: object,
  context: DirectContext,
  interceptors: readonly Interceptor[],
): Promise<Message> {
  if (fn === undefined) return Promise.reject(unimplementedError(method));
  const { callerSignal } = context;
  if (callerSignal?.aborted === true) return Promise.reject(abortError(callerSignal));
  const { promise, resolve, reject } = Promise.withResolvers<Message>();
  const stop = (error: ConnectError): void => {
    context.abort(error);
    reject(error);
  };
  const left = context.timeoutMs();
  const timer = left === undefined ? undefined : setTimeout(() => stop(deadlineError()), left);
  const onAbort = callerSignal === undefined ? undefined : (): void => stop(abortError(callerSignal));
  if (onAbort !== undefined) callerSignal?.addEventListener("abort", onAbort, { once: true });
  const request = isMessage(input, method.input)
    ? input
    : create(method.input, input as MessageInitShape<typeof method.input>);
  const answer =
    interceptors.length === 0
      ? invoke(method, fn, request, context)
      : intercepted(method, fn, request, context, interceptors);
  answer.then(resolve, reject).finally(() => {
    clearTimeout(timer);
    if (onAbort !== undefined) callerSignal?.removeEventListener("abort", onAbort);
  });
  return promise;
}

/** A signal of an outer call carries that call's ConnectError. */
function abortError(signal: AbortSignal): ConnectError {
  const reason: unknown = signal.reason;
  if (reason instanceof ConnectError) return reason;
  return reason instanceof Error && reason.name === "TimeoutError" ? deadlineError() : canceledError(reason);
}

async function invoke(
  method: DescMethodUnary,
  fn: UnaryFunction,
  request: Message,
  context: DirectContext,
): Promise<Message> {
  const answer = await fn(request, context);
  return isMessage(answer, method.output) ? answer : create(method.output, answer);
}

async function intercepted(
  method: DescMethodUnary,
  fn: UnaryFunction,
  message: Message,
  context: DirectContext,
  interceptors: readonly Interceptor[],
): Promise<Message> {
  const innermost = async (request: UnaryRequest): Promise<UnaryResponse> => ({
    stream: false,
    service: method.parent,
    method,
    header: context.responseHeader,
    trailer: context.responseTrailer,
    message: await invoke(method, fn, request.message, context),
  });
  const chain = interceptors.reduceRight<ReturnType<Interceptor>>(
    (next, interceptor) => interceptor(next),
    innermost as ReturnType<Interceptor>,
  );
  const response = await chain({
    stream: false,
    service: method.parent,
    method,
    requestMethod: context.requestMethod,
    url: context.url,
    signal: context.signal,
    header: context.requestHeader,
    contextValues: context.values,
    message,
  });
  return response.message as Message;
}
