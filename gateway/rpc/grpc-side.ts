import type { Interceptor } from "@connectrpc/connect";
import { startGrpcServer } from "#infra/rpc/grpc-server.ts";
import type { RpcServer } from "#infra/rpc/server.ts";
import { tracedServices } from "#infra/trace/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { reflectionServices } from "#proto/reflection.ts";
import type { GatewayConfig } from "../config.ts";
import { createClientAddress } from "../http/client-address.ts";
import { createGuard } from "../http/guard.ts";
import type { HttpSideDeps } from "../http/http-side.ts";
import type { Entrance } from "../http/limits.ts";
import { traceIdOf } from "../http/trace.ts";
import { addressHeader, publicHeaders, publicSchemas, publicServices } from "./public.ts";

/** The public services by gRPC, where a port is set: the same as Connect on the traffic port, with the access token and the
 *  limits of that, and reflection for anybody. Rejects with StartError when the port is busy. */
export async function startGrpcSide(
  config: GatewayConfig,
  deps: Pick<HttpSideDeps, "logic" | "auth" | "ratelimit" | "metrics" | "registry" | "tracer" | "clog">,
): Promise<RpcServer | undefined> {
  const { grpcPort, hostname: host, http } = config;
  if (grpcPort === undefined) return undefined;
  if (config.sharesPort === true) {
    deps.clog.warn("grpc_port is not for gateways that share a port: no gRPC here", { port: grpcPort });
    return undefined;
  }
  const { tokens, signOut } = deps.auth;
  const { entrance } = createGuard(tokens, deps.ratelimit, deps.metrics);
  const services = publicServices({ logic: deps.logic, tokens, entrance, signOut, backendMs: http.backendTimeout });
  const addressOf = createClientAddress(http.trustedProxies);
  const server = await startGrpcServer(
    [...tracedServices(services, deps.tracer), ...reflectionServices(publicSchemas)],
    {
      host,
      port: grpcPort,
      variable: "GOCHAT_GRPC_PORT",
      headers: (given, peer) => publicHeaders(given, addressOf(peer, given.get("x-forwarded-for")), traceIdOf(given)),
    },
    {
      errors: connectErrors,
      clog: deps.clog,
      metrics: deps.registry,
      messageBytesMax: http.bodyBytesMax,
      interceptors: [totalLimit(entrance)],
    },
  );
  deps.clog.info("gRPC listens", { url: server.url });
  return server;
}

/** What the traffic port asks before anything else. */
function totalLimit(entrance: Entrance): Interceptor {
  return (next) => async (request) => {
    await entrance.admit(request.header.get(addressHeader) ?? "");
    return await next(request);
  };
}
