import type { Logger } from "#infra/clog/clog.ts";
import { type DescriptorLimit, readDescriptorLimit } from "#infra/host/descriptors.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { GatewayConfig } from "../config.ts";

/** How many sockets this process takes. */
export interface Admission {
  /** As many as are set now, and as the descriptors of the process allow with the reserve left; at least one. */
  socketsMax(): number;
}

/** Reads the limit of descriptors, says in the log when it is the smaller one, and shows the result as a metric. `ws` is
 *  hot: read at every call. */
export function createAdmission(
  ws: Pick<GatewayConfig["ws"], "maxConnections" | "descriptorReserve">,
  { clog, registry }: { readonly clog: Logger; readonly registry: Metrics },
  descriptors: DescriptorLimit | undefined = readDescriptorLimit(),
): Admission {
  const limit = descriptors?.soft ?? Number.POSITIVE_INFINITY;
  const socketsMax = (): number => Math.max(Math.min(ws.maxConnections, limit - ws.descriptorReserve), 1);
  registry.gauge("gochat_ws_connections_max", "sockets that are let in").watch(socketsMax);
  const fields = { sockets_max: socketsMax(), descriptors: limit, descriptors_hard: descriptors?.hard };
  if (socketsMax() < ws.maxConnections)
    clog.info("fewer sockets than ws.max_connections: the limit of descriptors", fields);
  return { socketsMax };
}
