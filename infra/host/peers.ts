import { coordDriver } from "../coord/config.ts";
import type { Registration } from "../coord/coord.ts";
import { connectService, type ServiceConnection } from "../rpc/connect-service.ts";
import type { ListMethods } from "../rpc/list-codec.ts";
import { rpcFailure } from "../rpc/resilience.ts";
import type { ErrorTranslator } from "../rpc/rpc.ts";
import type { HostConfig } from "./config.ts";
import type { Host } from "./host.ts";

/** Where a service listens when there is no registry to ask. */
const alone = { "im-logic": "127.0.0.1:9001", "im-repo": "127.0.0.1:9002" } as const;
export type PeerName = keyof typeof alone;

/** A service that restarts is back within seconds: its callers look again soon, not after the minute that is the default of
 *  other breakers (docs/adr/0013-breakers-between-services.md). */
const peerPolicy = { failureThreshold: 5, successThreshold: 1, openMs: 2000 };

/** Another service, as this process reaches it: at the address of the configuration, else wherever the registry shows it,
 *  else, without a registry between processes, where it listens by default. */
export function connectPeer(
  name: PeerName,
  host: Host,
  config: HostConfig,
  own: { readonly caller: string; readonly errors: ErrorTranslator; readonly lists?: ListMethods },
): Promise<ServiceConnection> {
  const { errors } = own;
  const tls = host.rpcTls;
  const scheme = tls === undefined ? "http" : "https";
  const given = name === "im-repo" ? config.rpc.repoUrl : config.rpc.logicUrl;
  const address = given ?? (coordDriver(config.coord) === "local" ? `${scheme}://${alone[name]}` : undefined);
  return connectService({
    coord: host.coord,
    name,
    ...(address === undefined ? {} : { address }),
    ...(tls === undefined ? {} : { tls }),
    scheme,
    errors,
    breakers: host.breakers({ isFailure: rpcFailure(errors), policies: { default: peerPolicy } }),
    caller: { service: own.caller, token: host.serviceToken },
    metrics: host.metrics,
    lists: own.lists,
  });
}

/** Shows the RPC listener of this process to the others. `url` is where it listens; `rpc.advertise` what the others use. */
export function registerPeer(
  name: PeerName,
  url: string,
  host: Pick<Host, "coord" | "worker">,
  config: HostConfig,
  version: string,
): Promise<Registration> {
  const { hostname, port } = new URL(url);
  const worker = String(host.worker.number);
  return host.coord.register({
    name,
    id: `${name}-${worker}`,
    address: config.rpc.advertise ?? hostname,
    port: Number(port),
    metadata: { version, worker },
  });
}
