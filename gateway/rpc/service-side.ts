import type { Coord } from "#infra/coord/coord.ts";
import { rpcPortBeside } from "#infra/host/ports.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { type RpcService, rpcService } from "#infra/rpc/rpc.ts";
import { startRpcServer } from "#infra/rpc/server.ts";
import type { RpcTls } from "#infra/rpc/tls.ts";
import { tracedServices } from "#infra/trace/rpc.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { PusherService } from "#proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import { HEALTH_SERVICE, healthService } from "#proto/health.ts";
import type { GatewayConfig } from "../config.ts";
import { followGateways } from "./other-gateways.ts";
import { type PusherDeps, pusherService } from "./pusher.ts";

/** What the gateway is to other services. */
export interface ServiceSide extends AsyncDisposable {
  readonly services: readonly RpcService[];
  /** Where it listens; undefined without a service token. */
  readonly url: string | undefined;
  /** What the registry is told. */
  readonly advertised: string | undefined;
}

export interface ServiceSideDeps extends Omit<PusherDeps, "others"> {
  readonly coord: Pick<Coord, "watch">;
  readonly registry: Metrics;
  readonly tracer: Tracer;
  readonly serviceToken: string | undefined;
  readonly rpcTls: RpcTls | undefined;
}

/** gochat.gateway.v1 and health on a port of their own, and the way to the other gateways. Without a service token
 *  nothing listens and nothing is forwarded. Rejects with StartError when the port is busy. */
export async function startServiceSide(config: GatewayConfig, deps: ServiceSideDeps): Promise<ServiceSide> {
  const { serviceToken, rpcTls: tls, registry, clog } = deps;
  const { rpc, gatewayId, ws } = config;
  const options = {
    gatewayId,
    // Hot.
    get frameOutMax() {
      return ws.frameOutMax;
    },
  };
  await using stack = new AsyncDisposableStack();
  const others =
    serviceToken === undefined
      ? undefined
      : stack.use(await followGateways({ gatewayId, coord: deps.coord, serviceToken, tls, metrics: registry }));
  const pusher = rpcService(PusherService, pusherService(options, { ...deps, others }));
  const names = new Set(["", PusherService.typeName]);
  const health = healthService((name) => (names.has(name) ? true : undefined));
  const services = tracedServices([pusher, health], deps.tracer);
  let url: string | undefined;
  if (serviceToken !== undefined) {
    const port = rpc.port ?? rpcPortBeside(config.port, 9003, 4000);
    const listener = { host: rpc.host, port, serviceToken, open: [HEALTH_SERVICE], tls };
    url = stack.use(startRpcServer(services, listener, { errors: connectErrors, clog, metrics: registry })).url;
  }
  const opened = stack.move();
  return {
    services,
    url,
    advertised: url === undefined ? undefined : advertisedUrl(url, config.advertise),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function advertisedUrl(url: string, host: string | undefined): string {
  if (host === undefined) return url;
  const { protocol, port } = new URL(url);
  return `${protocol}//${host.includes(":") ? `[${host}]` : host}:${port}`;
}
