import { type BreakerPolicies, type Breakers, type BreakersOptions, createBreakers } from "../breaker/breaker.ts";
import { followPolicies } from "../breaker/follow.ts";
import type { Logger } from "../clog/clog.ts";
import { centrePrefix } from "../config/centre.ts";
import type { Environment } from "../config/keys.ts";
import type { Coord, Watch } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";

export interface Policies extends AsyncDisposable {
  /** Breakers whose policies follow `/config/{env}/{service}/breakers/` of every service of this process. Made once per use, never thrown away. */
  breakers(options?: BreakersOptions): Breakers;
}

/** Resolves when the policies of the centre were read. */
export async function openPolicies(
  { environment, services }: { environment: Environment; services: readonly string[] },
  { coord, clog, metrics }: { coord: Coord; clog: Logger; metrics: Metrics },
): Promise<Policies> {
  const all: { readonly breakers: Breakers; readonly own: BreakerPolicies }[] = [];
  const layers: BreakerPolicies[] = services.map(() => ({}));
  const policies = (own: BreakerPolicies): BreakerPolicies => Object.assign({}, own, ...layers);
  const watches: Watch[] = [];
  for (const [at, service] of services.entries()) {
    const layer = {
      setPolicies(next: BreakerPolicies): void {
        layers[at] = next;
        for (const { breakers, own } of all) breakers.setPolicies(policies(own));
      },
    };
    const prefix = `${centrePrefix(environment, service)}breakers/`;
    watches.push(await followPolicies(layer, { settings: coord.settings, prefix, defaults: {}, clog, metrics }));
  }
  return {
    breakers(options = {}) {
      const own = options.policies ?? {};
      const breakers = createBreakers({ ...options, policies: policies(own) }, { clog, metrics });
      all.push({ breakers, own });
      return breakers;
    },
    async [Symbol.asyncDispose]() {
      for (const watch of watches) await watch.close();
    },
  };
}
