import type { Logger } from "../clog/clog.ts";
import { followDocuments } from "../config/follow.ts";
import { parseDuration } from "../config/units.ts";
import type { Settings, Watch } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";
import {
  type BreakerPolicies,
  type BreakerPolicy,
  type Breakers,
  checkPolicies,
  defaultBreakerPolicy,
} from "./breaker.ts";

export interface FollowPoliciesOptions {
  readonly settings: Settings;
  /** `/config/{env}/{service}/breakers/`; what follows is the breaker's name. */
  readonly prefix: string;
  readonly defaults: BreakerPolicies;
  readonly clog: Logger;
  readonly metrics: Metrics;
}

/** Lays the policies of the configuration centre over the defaults. A document: JSON {failureThreshold, successThreshold, openStateTimeout "60s"}; what is missing is the built-in default. */
export function followPolicies(
  breakers: Pick<Breakers, "setPolicies">,
  options: FollowPoliciesOptions,
): Promise<Watch> {
  return followDocuments<BreakerPolicies>({
    ...options,
    name: "breaker",
    parse: (text, key) => parsePolicies(text, key.slice(options.prefix.length)),
    apply: (documents) => breakers.setPolicies(Object.assign({}, options.defaults, ...documents.values())),
  });
}

/** One document of the configuration centre: the policy of the breaker `name`. Throws when it does not validate. */
export function parsePolicies(text: string, name: string): BreakerPolicies {
  return checkPolicies({ [name]: parsePolicy(text) });
}

function parsePolicy(text: string): BreakerPolicy {
  const given: unknown = JSON.parse(text);
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new TypeError("the document is no map");
  const field = (name: string): unknown => Reflect.get(given, name);
  const whole = (name: "failureThreshold" | "successThreshold"): number => {
    const value = field(name) ?? defaultBreakerPolicy[name];
    if (typeof value !== "number") throw new TypeError(`${name} is no number`);
    return value;
  };
  const timeout = field("openStateTimeout");
  const openMs = timeout === undefined ? defaultBreakerPolicy.openMs : parseDuration(timeout);
  if (openMs === undefined) throw new TypeError("openStateTimeout is no duration");
  return { failureThreshold: whole("failureThreshold"), successThreshold: whole("successThreshold"), openMs };
}
