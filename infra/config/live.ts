import type { Logger } from "../clog/clog.ts";
import type { Settings, Watch } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type AnySection, type ConfigOf, loadConfig, type Sources, type Tree } from "./config.ts";
import { changedKeys } from "./describe.ts";
import { followDocuments } from "./follow.ts";
import { parseDocument } from "./yaml.ts";

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

/** Lays the documents of the configuration centre over the files: `/config/{env}/global/{component}`, then `/config/{env}/{service}/{component}`; `app` is the whole tree.
 *  A configuration that is invalid as a whole is rejected, the previous one stays. */
export async function followConfig<S extends AnySection>(options: LiveOptions<S>): Promise<Watch> {
  const { spec, sources, settings, service, clog, metrics } = options;
  const layers = ["global", service].map((folder): { prefix: string; trees: readonly Tree[] } => ({
    prefix: `/config/${sources.environment}/${folder}/`,
    trees: [],
  }));
  let config = loadConfig(spec, sources).config;
  const rebuild = (): void => {
    const next = loadConfig(spec, {
      ...sources,
      trees: [...(sources.trees ?? []), ...layers.flatMap((layer) => layer.trees)],
    }).config;
    const changed = changedKeys(spec, config, next);
    config = next;
    if (changed.restart.length > 0) clog.warn("changed settings act after a restart", { keys: changed.restart });
    if (changed.hot.length > 0) options.onChange(config, changed.hot);
  };
  const watches: Watch[] = [];
  for (const layer of layers) {
    const follow = followDocuments<Tree | null>({
      settings,
      prefix: layer.prefix,
      name: "config",
      clog,
      metrics,
      parse(text, key) {
        const component = key.slice(layer.prefix.length);
        // `ratelimit/…` and `breakers/…` are followed by those components themselves.
        if (component.includes("/")) return null;
        const values = parseDocument(text, "");
        const tree = { name: key, values: component === "app" ? values : { [component]: values } };
        // Alone over the files, so that one bad document does not hold up the others.
        loadConfig(spec, { ...sources, trees: [...(sources.trees ?? []), tree] });
        return tree;
      },
      apply(documents) {
        const before = layer.trees;
        layer.trees = [...documents.values()].filter((tree) => tree !== null);
        try {
          rebuild();
        } catch (err) {
          layer.trees = before;
          throw err;
        }
      },
    });
    watches.push(await follow);
  }
  return {
    async close() {
      for (const watch of watches) await watch.close();
    },
  };
}
