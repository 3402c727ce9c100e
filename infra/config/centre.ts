import type { Logger } from "../clog/clog.ts";
import type { Settings, Watch } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Tree } from "./config.ts";
import { followDocuments } from "./follow.ts";
import type { Environment } from "./keys.ts";
import { parseDocument, treeOf } from "./yaml.ts";

export interface CentreOptions {
  readonly settings: Settings;
  readonly environment: Environment;
  /** Those of this process. */
  readonly services: readonly string[];
  /** Throws when these documents, laid over the files, make no valid configuration. */
  check(trees: readonly Tree[]): void;
  /** Takes all valid documents, lowest precedence first. When it throws, the change counts as rejected. */
  apply(trees: readonly Tree[]): void;
  readonly clog: Logger;
  readonly metrics: Metrics;
}

/** The key of a document: `/config/{env}/{global|service}/{component}`. */
export function centrePrefix(environment: Environment, folder: string): string {
  return `/config/${environment}/${folder}/`;
}

/** Follows the configuration documents of the centre: `global` first, then each service; `app` is a whole tree. One that is invalid is rejected and its previous state
 *  stays. `apply` is called before this resolves, once per folder, then after each change. */
export async function followCentre(options: CentreOptions): Promise<Watch> {
  const layers = ["global", ...options.services].map((folder): { prefix: string; trees: readonly Tree[] } => ({
    prefix: centrePrefix(options.environment, folder),
    trees: [],
  }));
  const watches: Watch[] = [];
  for (const layer of layers) {
    const follow = followDocuments<Tree | null>({
      ...options,
      prefix: layer.prefix,
      name: "config",
      parse(text, key) {
        const component = key.slice(layer.prefix.length);
        // `ratelimit/…` and `breakers/…` are followed by those components themselves.
        if (component.includes("/")) return null;
        const tree = treeOf(key, component, parseDocument(text, ""));
        // Alone over the files, so that one bad document does not hold up the others.
        options.check([tree]);
        return tree;
      },
      apply(documents) {
        const before = layer.trees;
        layer.trees = [...documents.values()].filter((tree) => tree !== null);
        try {
          options.apply(layers.flatMap((one) => one.trees));
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
