import type { DescService } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import {
  type CallWrapper,
  type ErrorTranslator,
  isUnary,
  SERVICE_NAME_HEADER,
  SERVICE_TOKEN_HEADER,
  TIMEOUT_MS_DEFAULT,
} from "./rpc.ts";

export interface RemoteClientOptions {
  /** `http://host:port`, without a slash at its end. */
  readonly baseUrl: string;
  readonly errors: ErrorTranslator;
  /** Sent with every call. */
  readonly caller?: { readonly service: string; readonly token: string };
  readonly defaultTimeoutMs?: number;
  readonly interceptors?: readonly Interceptor[];
  readonly protocol?: "connect" | "grpc-web";
  /** Default binary; JSON for tools. */
  readonly json?: boolean;
  readonly wrap?: CallWrapper;
  readonly fetch?: typeof globalThis.fetch;
}

/** A client over HTTP. Rejects with the program's own errors; every call has a deadline. */
export function createRemoteClient<S extends DescService>(service: S, options: RemoteClientOptions): Client<S> {
  const transportOptions = {
    baseUrl: options.baseUrl,
    useBinaryFormat: options.json !== true,
    defaultTimeoutMs: options.defaultTimeoutMs ?? TIMEOUT_MS_DEFAULT,
    interceptors: [
      ...(options.interceptors ?? []),
      ...(options.caller === undefined ? [] : [callerInterceptor(options.caller)]),
    ],
    fetch: reaching(options.fetch ?? globalThis.fetch),
  };
  const transport =
    options.protocol === "grpc-web"
      ? createGrpcWebTransport(transportOptions)
      : createConnectTransport(transportOptions);
  return translated(service, createClient(service, transport), options.errors, options.wrap);
}

/** A server that cannot be reached is `unavailable`: nothing says that the call was wrong. */
function reaching(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  const call = async (...args: Parameters<typeof globalThis.fetch>): Promise<Response> => {
    try {
      return await fetch(...args);
    } catch (error) {
      if (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError")) throw error;
      throw new ConnectError("the server cannot be reached", Code.Unavailable, undefined, undefined, error);
    }
  };
  return Object.assign(call, { preconnect: fetch.preconnect });
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
): Client<S> {
  const plain = client as unknown as Record<string, Method>;
  const made: Record<string, Method> = {};
  for (const method of service.methods) {
    const call = plain[method.localName];
    if (call === undefined) continue;
    if (!isUnary(method)) {
      made[method.localName] = method.methodKind === "client_streaming" ? unary(call) : streaming(call);
    } else if (wrap === undefined) made[method.localName] = unary(call);
    else
      made[method.localName] = (input, options) =>
        wrap(method, options?.signal, () => unary(call)(input, options) as Promise<unknown>);
  }
  return made as unknown as Client<S>;

  function unary(call: Method): Method {
    return async (input, options) => {
      try {
        return await call(input, options);
      } catch (error) {
        throw errors.fromConnect(ConnectError.from(error));
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
