import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { Breakers } from "../breaker/breaker.ts";
import { type Balancer, type BalancerOptions, connectBalancer } from "./balancer.ts";
import { type ClientOptions, createBalancedClient } from "./client.ts";
import { createResilience } from "./resilience.ts";

export interface ServiceConnectionOptions extends BalancerOptions, Omit<ClientOptions, "wrap"> {
  /** Made with `isFailure: rpcFailure(errors)`; one set per process. */
  readonly breakers: Breakers;
}

/** Another service, as one process sees it. Disposing stops following the registry; calls under way go on. */
export interface ServiceConnection extends AsyncDisposable {
  readonly balancer: Balancer;
  /** Balanced, retried inside breakers, with the caller's token; all clients share the connections. */
  client<S extends DescService>(service: S): Client<S>;
}

/** Finds the instances of `name` in the registry, or takes the one at `address`. */
export async function connectService(options: ServiceConnectionOptions): Promise<ServiceConnection> {
  const balancer = await connectBalancer(options);
  const wrap = createResilience(options);
  return {
    balancer,
    client: (service) => createBalancedClient(service, { ...options, balancer, wrap }),
    [Symbol.asyncDispose]: () => balancer[Symbol.asyncDispose](),
  };
}
