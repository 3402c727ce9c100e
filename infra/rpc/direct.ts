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
  type ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { type Logger, silentLogger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { translated, wrapped } from "./client.ts";
import { createDeadlines, type Deadlines } from "./deadlines.ts";
import { DirectContext } from "./direct-context.ts";
import { errorInterceptor, logUnexpected } from "./interceptors.ts";
import { invokeUnary } from "./invoke.ts";
import {
  abortError,
  type CallWrapper,
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
    deadlines: createDeadlines(),
    clog: options.clog ?? silentLogger,
    metrics:
      options.metrics === undefined ? undefined : createServerMetrics(options.metrics, options.clog ?? silentLogger),
  };
  const functions = impl as Record<string, unknown>;
  const made: Record<string, unknown> = streamingMethods(service, impl, options);
  for (const method of service.methods) {
    if (!isUnary(method)) continue;
    const fn = functions[method.localName];
    const bound = typeof fn === "function" ? (fn as UnaryFunction).bind(impl) : undefined;
    const call = unaryCall(method, bound, settings);
    const { wrap } = options;
    made[method.localName] = wrap === undefined ? call : wrapped(method, call, wrap, settings.timeoutMs);
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
  readonly deadlines: Deadlines;
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
      const response = await withinDeadline(method, fn, input, context, settings);
      metrics?.observe(method, undefined, (performance.now() - began) / 1000, context);
      if (options.onHeader !== undefined) options.onHeader(context.responseHeader);
      if (options.onTrailer !== undefined) options.onTrailer(context.responseTrailer);
      return response;
    } catch (error) {
      const wire = errors.toConnect(error, context.traceId());
      logUnexpected(settings.clog, methodName(method), wire, error, context.traceId());
      metrics?.observe(method, wire.code, (performance.now() - began) / 1000, context);
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
  { interceptors, deadlines }: Settings,
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
  const deadline = left === undefined ? undefined : deadlines.add(left, () => stop(deadlineError()));
  const onAbort = callerSignal === undefined ? undefined : (): void => stop(abortError(callerSignal));
  if (onAbort !== undefined) callerSignal?.addEventListener("abort", onAbort, { once: true });
  const request = isMessage(input, method.input)
    ? input
    : create(method.input, input as MessageInitShape<typeof method.input>);
  const over = (): void => {
    if (deadline !== undefined) deadlines.remove(deadline);
    if (onAbort !== undefined) callerSignal?.removeEventListener("abort", onAbort);
  };
  invokeUnary(method, fn, request, context, interceptors).then(
    (response) => {
      over();
      resolve(response);
    },
    (error: unknown) => {
      over();
      reject(error);
    },
  );
  return promise;
}
