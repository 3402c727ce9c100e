import type { Logger } from "../clog/clog.ts";
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
  const { settings, prefix, defaults, clog, metrics, setRules } = following;
  const reloads = metrics.counter(
    "gochat_config_reload_total",
    "Documents of the configuration centre that were read.",
    ["name", "result"],
  );
  let valid = new Map<string, { version: bigint; rules: Rules }>();
  return settings.watchPrefix(prefix, (all) => {
    const next = new Map<string, { version: bigint; rules: Rules }>();
    for (const { key, value, version } of all) {
      const old = valid.get(key);
      if (old?.version === version) {
        next.set(key, old);
        continue;
      }
      try {
        next.set(key, { version, rules: parseRules(value) });
        reloads.inc({ name: "ratelimit", result: "ok" });
      } catch (err) {
        if (old !== undefined) next.set(key, old);
        reloads.inc({ name: "ratelimit", result: "rejected" });
        clog.error("rate limit rules rejected, the previous ones stay", { key, err });
      }
    }
    valid = next;
    setRules(Object.assign({}, defaults, ...[...next.values()].map((one) => one.rules)));
  });
}
