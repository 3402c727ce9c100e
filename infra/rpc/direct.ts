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
  type Code,
  type ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { type Logger, silentLogger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { translated, wrapped } from "./client.ts";
import { createDeadlines, type Deadlined, type Deadlines } from "./deadlines.ts";
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
  return (input: object, options: CallOptions = {}): Promise<Message> => {
    const timeoutMs = options.timeoutMs ?? settings.timeoutMs;
    const call = new DirectCall(
      new DirectContext(method, timeoutMs > 0 ? timeoutMs : undefined, options),
      options,
      settings,
    );
    call.run(method, fn, input);
    return call.answer;
  };
}

/** One call under way: ended once, by its answer, its deadline or its caller. */
class DirectCall {
  readonly answer: Promise<Message>;
  readonly #context: DirectContext;
  readonly #options: CallOptions;
  readonly #settings: Settings;
  readonly #beganMs = performance.now();
  #resolve!: (response: Message) => void;
  #reject!: (error: unknown) => void;
  #deadline: Deadlined | undefined;
  #onAbort: (() => void) | undefined;
  #ended = false;

  constructor(context: DirectContext, options: CallOptions, settings: Settings) {
    this.#context = context;
    this.#options = options;
    this.#settings = settings;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  run(method: DescMethodUnary, fn: UnaryFunction | undefined, input: object): void {
    const { callerSignal } = this.#context;
    if (fn === undefined) {
      this.#fail(unimplementedError(method));
      return;
    }
    if (callerSignal?.aborted === true) {
      this.#fail(abortError(callerSignal));
      return;
    }
    if (callerSignal !== undefined) {
      this.#onAbort = (): void => this.#stop(abortError(callerSignal));
      callerSignal.addEventListener("abort", this.#onAbort, { once: true });
    }
    const leftMs = this.#context.timeoutMs();
    if (leftMs !== undefined) this.#deadline = this.#settings.deadlines.add(leftMs, () => this.#stop(deadlineError()));
    let request: Message;
    try {
      request = isMessage(input, method.input)
        ? input
        : create(method.input, input as MessageInitShape<typeof method.input>);
    } catch (error) {
      this.#fail(error);
      return;
    }
    invokeUnary(method, fn, request, this.#context, this.#settings.interceptors).then(
      (response) => this.#succeed(response),
      (error: unknown) => this.#fail(error),
    );
  }

  #stop(error: ConnectError): void {
    this.#context.abort(error);
    this.#fail(error);
  }

  #succeed(response: Message): void {
    if (this.#ended) return;
    const { onHeader, onTrailer } = this.#options;
    try {
      if (onHeader !== undefined) onHeader(this.#context.responseHeader);
      if (onTrailer !== undefined) onTrailer(this.#context.responseTrailer);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#end(undefined);
    this.#resolve(response);
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    const { errors, clog } = this.#settings;
    const traceId = this.#context.traceId();
    const wire = errors.toConnect(error, traceId);
    logUnexpected(clog, methodName(this.#context.method), wire, error, traceId);
    this.#end(wire.code);
    this.#reject(errors.fromConnect(wire));
  }

  #end(code: Code | undefined): void {
    this.#ended = true;
    const { deadlines, metrics } = this.#settings;
    if (this.#deadline !== undefined) deadlines.remove(this.#deadline);
    if (this.#onAbort !== undefined) this.#context.callerSignal?.removeEventListener("abort", this.#onAbort);
    metrics?.observe(this.#context.method, code, (performance.now() - this.#beganMs) / 1000, this.#context);
    this.#context.end();
  }
}
