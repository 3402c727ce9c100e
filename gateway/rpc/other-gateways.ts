import type { Client } from "@connectrpc/connect";
import type { Coord, ServiceInstance } from "#infra/coord/coord.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { createRemoteClient } from "#infra/rpc/client.ts";
import type { RpcTls } from "#infra/rpc/tls.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { PusherService } from "#proto/gen/gochat/gateway/v1/pusher_service_pb.ts";

/** The key of a gateway's registration that holds the address of its RPC listener. */
export const RPC_URL_KEY = "rpc";

export type PusherClient = Client<typeof PusherService>;

/** The gateways that the registry shows, as this one calls them. Disposing stops following the registry. */
export interface OtherGateways extends AsyncDisposable {
  /** Undefined: that life of the gateway is not registered, or tells no address. */
  find(gatewayId: string, incarnation: string): PusherClient | undefined;
}

interface Known {
  readonly url: string;
  readonly incarnation: string;
  readonly client: PusherClient;
}

/** Each call is for one gateway and no other, so there is no choice to balance; and no breaker, whose state all gateways
 *  would share: one that is gone leaves the registry. */
export async function followGateways(deps: {
  /** Of this gateway, which does not call itself. */
  readonly gatewayId: string;
  readonly coord: Pick<Coord, "watch">;
  readonly serviceToken: string;
  readonly tls: RpcTls | undefined;
  readonly metrics: Metrics;
}): Promise<OtherGateways> {
  const { coord, serviceToken, tls, metrics } = deps;
  let known: ReadonlyMap<string, Known> = new Map();

  function open(baseUrl: string): PusherClient {
    return createRemoteClient(PusherService, {
      baseUrl,
      errors: connectErrors,
      caller: { service: "im-gateway", token: serviceToken },
      metrics,
      ...(tls === undefined ? {} : { tls }),
    });
  }

  function show(instances: readonly ServiceInstance[]): void {
    const next = new Map<string, Known>();
    for (const { id, metadata } of instances) {
      const { incarnation = "", [RPC_URL_KEY]: url } = metadata;
      if (url === undefined || id === deps.gatewayId) continue;
      const before = known.get(id);
      const client = before?.url === url ? before.client : open(url);
      next.set(id, { url, incarnation, client });
    }
    known = next;
  }

  const watch = await coord.watch("gateway", show);
  return {
    find(gatewayId, incarnation) {
      const gateway = known.get(gatewayId);
      return gateway?.incarnation === incarnation ? gateway.client : undefined;
    },
    [Symbol.asyncDispose]: () => watch.close(),
  };
}
