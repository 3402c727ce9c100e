import type { Logger } from "../clog/clog.ts";
import { listenError } from "../host/start-error.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { createRpcHandler } from "./handler.ts";
import type { ListMethods } from "./list-codec.ts";
import type { ErrorTranslator, RpcService } from "./rpc.ts";
import type { RpcTls } from "./tls.ts";

export interface RpcServer extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
}

export interface RpcServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What callers must show. */
  readonly serviceToken: string;
  /** Full names of the services that answer without it. */
  readonly open: readonly string[];
  /** Callers show a certificate of the same authority, also for what is open. */
  readonly tls?: RpcTls | undefined;
  /** Whose answers travel as rows. */
  readonly lists?: ListMethods;
}

/** Serves Connect and gRPC-Web on a port of its own. Throws StartError when the port is busy. Disposing stops listening
 *  and resolves when the calls under way are answered. */
export function startRpcServer(
  services: readonly RpcService[],
  options: RpcServerOptions,
  deps: { readonly errors: ErrorTranslator; readonly clog: Logger; readonly metrics: Metrics },
): RpcServer {
  const { host, port, tls, lists } = options;
  const serviceToken = { token: options.serviceToken, open: options.open };
  const handle = createRpcHandler(services, { ...deps, serviceToken, ...(lists === undefined ? {} : { lists }) });
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      ...(tls === undefined ? {} : { tls: { ...tls, requestCert: true, rejectUnauthorized: true } }),
      fetch: (request) => handle(request) ?? new Response("not found", { status: 404 }),
    });
    return {
      url: server.url.href.replace(/\/$/, ""),
      [Symbol.asyncDispose]: () => server.stop(),
    };
  } catch (error) {
    throw listenError(error, host, port, "GOCHAT_RPC__PORT");
  }
}
