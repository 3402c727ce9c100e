import type { Logger } from "../clog/clog.ts";
import type { Settings, Watch } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { followCentre } from "./centre.ts";
import { type AnySection, type ConfigOf, loadConfig, type Sources, type Tree } from "./config.ts";
import { changedKeys } from "./describe.ts";

export interface LiveOptions<S extends AnySection> {
  readonly spec: S;
  /** What the process was started with. */
  readonly sources: Sources;
  readonly settings: Settings;
  readonly service: string;
  /** Takes a configuration whose hot keys changed (`keys`). Keys that need a restart may differ in it too: they are warned of. */
  onChange(config: ConfigOf<S>, keys: readonly string[]): void;
  readonly clog: Logger;
  readonly metrics: Metrics;
}

/** Lays the documents of the configuration centre over the files (`followCentre`) and tells what changed. A configuration that is invalid as a whole is rejected, the
 *  previous one stays. */
export function followConfig<S extends AnySection>(options: LiveOptions<S>): Promise<Watch> {
  const { spec, sources, clog } = options;
  const load = (trees: readonly Tree[]): ConfigOf<S> =>
    loadConfig(spec, { ...sources, trees: [...(sources.trees ?? []), ...trees] }).config;
  let config = load([]);
  return followCentre({
    settings: options.settings,
    environment: sources.environment,
    services: [options.service],
    clog,
    metrics: options.metrics,
    check: load,
    apply(trees) {
      const next = load(trees);
      const changed = changedKeys(spec, config, next);
      config = next;
      if (changed.restart.length > 0) clog.warn("changed settings act after a restart", { keys: changed.restart });
      if (changed.hot.length > 0) options.onChange(config, changed.hot);
    },
  });
}
