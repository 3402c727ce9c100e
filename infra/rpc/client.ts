import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import type { Metrics } from "../metrics/metrics.ts";
import { createClientTransport } from "./client-transport.ts";
import type { JsonOptions } from "./fast-path.ts";
import type { ClientTls } from "./http-call.ts";
import type { ListMethods } from "./list-codec.ts";
import {
  type CallWrapper,
  type ErrorTranslator,
  isUnary,
  SERVICE_NAME_HEADER,
  SERVICE_TOKEN_HEADER,
  TIMEOUT_MS_DEFAULT,
} from "./rpc.ts";
import { type CallMetrics, createClientMetrics } from "./server-metrics.ts";
import { fixedTarget, type Targets } from "./target.ts";

export interface ClientOptions {
  readonly errors: ErrorTranslator;
  /** Sent with every call. */
  readonly caller?: { readonly service: string; readonly token: string };
  readonly defaultTimeoutMs?: number;
  readonly interceptors?: readonly Interceptor[];
  readonly protocol?: "connect" | "grpc-web";
  /** Default binary; JSON for tools. */
  readonly json?: boolean;
  readonly jsonOptions?: JsonOptions;
  /** Default false: between services packing costs more than it saves. */
  readonly gzip?: boolean;
  readonly wrap?: CallWrapper;
  /** Whose answers have rows that are decoded when somebody looks at them. */
  readonly lists?: ListMethods | undefined;
  /** Counts the calls. */
  readonly metrics?: Metrics;
  readonly tls?: ClientTls;
  readonly fetch?: typeof globalThis.fetch;
}

export interface RemoteClientOptions extends ClientOptions {
  /** `http://host:port`, without a slash at its end. */
  readonly baseUrl: string;
}

/** A client of the server at an address. Rejects with the program's own errors; every call has a deadline. */
export function createRemoteClient<S extends DescService>(service: S, options: RemoteClientOptions): Client<S> {
  return clientOver(service, fixedTarget(options.baseUrl), options);
}

export interface BalancedClientOptions extends ClientOptions {
  /** `connectBalancer`; one for all the clients of a service, so that they share its connections. */
  readonly balancer: Targets;
}

/** A client of whichever instance has the fewest calls in flight; as `createRemoteClient` otherwise. */
export function createBalancedClient<S extends DescService>(service: S, options: BalancedClientOptions): Client<S> {
  return clientOver(service, options.balancer, options);
}

function clientOver<S extends DescService>(service: S, targets: Targets, options: ClientOptions): Client<S> {
  const { caller, interceptors = [], defaultTimeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const transport = createClientTransport({
    ...options,
    targets,
    defaultTimeoutMs,
    interceptors: caller === undefined ? interceptors : [...interceptors, callerInterceptor(caller)],
  });
  const metrics = options.metrics === undefined ? undefined : createClientMetrics(options.metrics);
  const client = createClient(service, transport);
  return translated(service, client, options.errors, options.wrap, defaultTimeoutMs, metrics);
}

function callerInterceptor(caller: { service: string; token: string }): Interceptor {
  return (next) => (request) => {
    request.header.set(SERVICE_NAME_HEADER, caller.service);
    request.header.set(SERVICE_TOKEN_HEADER, caller.token);
    return next(request);
  };
}

type Method = (input: unknown, options?: CallOptions) => unknown;

/** The same client, rejecting with what `errors` makes of each ConnectError. Outside the library, which would turn other
 *  errors back into its own. */
export function translated<S extends DescService>(
  service: S,
  client: Client<S>,
  errors: ErrorTranslator,
  wrap?: CallWrapper,
  defaultTimeoutMs: number = TIMEOUT_MS_DEFAULT,
  metrics?: CallMetrics,
): Client<S> {
  const plain = client as unknown as Record<string, Method>;
  const made: Record<string, Method> = {};
  for (const method of service.methods) {
    const call = plain[method.localName];
    if (call === undefined) continue;
    if (!isUnary(method)) {
      made[method.localName] = method.methodKind === "client_streaming" ? unary(call, method) : streaming(call);
    } else if (wrap === undefined) made[method.localName] = unary(call, method);
    else made[method.localName] = wrapped(method, unary(call, method), wrap, defaultTimeoutMs);
  }
  return made as unknown as Client<S>;

  function unary(call: Method, method: DescMethod): UnaryMethod {
    return async (input, options) => {
      const began = metrics === undefined ? 0 : performance.now();
      try {
        const answer = await call(input, options);
        metrics?.observe(method, undefined, (performance.now() - began) / 1000);
        return answer;
      } catch (error) {
        const wire = ConnectError.from(error);
        metrics?.observe(method, wire.code, (performance.now() - began) / 1000);
        throw errors.fromConnect(wire);
      }
    };
  }

  function streaming(call: Method): Method {
    return async function* (input, options) {
      try {
        yield* call(input, options) as AsyncIterable<unknown>;
      } catch (error) {
        throw errors.fromConnect(ConnectError.from(error));
      }
    };
  }
}

type UnaryMethod = (input: unknown, options?: CallOptions) => Promise<unknown>;

/** `call` behind `wrap`, which may repeat it within the time of the whole. */
export function wrapped<I, O>(
  method: DescMethod,
  call: (input: I, options?: CallOptions) => Promise<O>,
  wrap: CallWrapper,
  defaultTimeoutMs: number,
): (input: I, options?: CallOptions) => Promise<O> {
  return (input, options) =>
    wrap(
      method,
      options?.signal,
      (timeoutMs) => call(input, timeoutMs === undefined ? options : { ...options, timeoutMs }),
      options?.timeoutMs ?? defaultTimeoutMs,
    );
}
