import type { Logger } from "../clog/clog.ts";
import { followDocuments } from "../config/follow.ts";
import type { Settings, Watch } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { parseRules } from "./parse-rules.ts";
import type { Rules } from "./rules.ts";

export interface Following {
  readonly settings: Settings;
  readonly prefix: string;
  readonly defaults: Rules;
  readonly clog: Logger;
  readonly metrics: Metrics;
  setRules(rules: Rules): void;
}

/** Lays the documents under `prefix` over the defaults, in the order of their keys, at once and after each change. */
export function followRules(following: Following): Promise<Watch> {
  return followDocuments<Rules>({
    ...following,
    name: "ratelimit",
    parse: parseRules,
    apply: (documents) => following.setRules(Object.assign({}, following.defaults, ...documents.values())),
  });
}
