import type { DescService } from "@bufbuild/protobuf";
import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { startGrpcServer } from "./grpc-server.ts";
import type { ErrorTranslator, RpcService } from "./rpc.ts";
import { type RpcServer, type RpcServerOptions, startRpcServer } from "./server.ts";

export interface ListenersOptions extends RpcServerOptions {
  /** Port of gRPC; undefined: none. */
  readonly grpcPort: number | undefined;
  /** Makes the services by which tools learn what is served; on the gRPC port, behind the service token. */
  readonly reflection: (services: readonly DescService[]) => readonly RpcService[];
}

export interface RpcListeners extends RpcServer {
  readonly grpcUrl: string | undefined;
}

/** What a service between services listens on: Connect and gRPC-Web, and gRPC with reflection where it is asked for.
 *  Rejects with StartError when a port is busy. */
export async function startRpcListeners(
  services: readonly RpcService[],
  options: ListenersOptions,
  deps: { readonly errors: ErrorTranslator; readonly clog: Logger; readonly metrics: Metrics },
): Promise<RpcListeners> {
  const { host, grpcPort, serviceToken, open, tls } = options;
  await using stack = new AsyncDisposableStack();
  const server = stack.use(startRpcServer(services, options, deps));
  let grpcUrl: string | undefined;
  if (grpcPort !== undefined) {
    const all = [...services, ...options.reflection(services.map(({ service }) => service))];
    const gate = { ...deps, serviceToken: { token: serviceToken, open } };
    const listener = { host, port: grpcPort, variable: "GOCHAT_RPC__GRPC_PORT", tls };
    grpcUrl = stack.use(await startGrpcServer(all, listener, gate)).url;
    deps.clog.info("gRPC listens", { url: grpcUrl });
  }
  const opened = stack.move();
  return { url: server.url, grpcUrl, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
