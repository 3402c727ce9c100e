import type { Logger } from "../clog/clog.ts";
import { followCentre } from "../config/centre.ts";
import type { Sources, Tree } from "../config/config.ts";
import { changedKeys } from "../config/describe.ts";
import type { Coord } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type ConfigsOf, type LoadedAll, loadAll, type Overrides, type Specs } from "./sources.ts";

export interface LiveOptions<S extends Specs> {
  readonly specs: S;
  readonly sources: Sources;
  readonly overrides: Overrides<NoInfer<S>> | undefined;
  readonly services: readonly string[];
}

/** The configuration of a process as it is now: files, then the configuration centre, then environment and flags. */
export interface Live<S extends Specs> extends AsyncDisposable {
  readonly loaded: LoadedAll<S>;
  /** Replaces the listener, which is told of each change of hot keys (`log.level`, …). */
  onHot(listener: (configs: ConfigsOf<S>, keys: readonly string[]) => void): void;
}

/** Reads the documents of the centre before it resolves, and follows them from then on. An invalid document changes nothing; it is logged and counted. */
export async function followLive<S extends Specs>(
  options: LiveOptions<S>,
  deps: { coord: Coord; clog: Logger; metrics: Metrics },
): Promise<Live<S>> {
  const { specs, sources, overrides } = options;
  const { clog, metrics, coord } = deps;
  const load = (trees: readonly Tree[]): LoadedAll<S> =>
    loadAll(specs, { ...sources, trees: [...(sources.trees ?? []), ...trees] }, overrides);
  let loaded = load([]);
  const warned = new Set(loaded.warnings);
  let started = false;
  let listener: Parameters<Live<S>["onHot"]>[0] = () => {};
  const watch = await followCentre({
    settings: coord.settings,
    environment: sources.environment,
    services: options.services,
    clog,
    metrics,
    check: load,
    apply(trees) {
      const before = loaded;
      loaded = load(trees);
      // What is unknown at the start is told with the rest of the start.
      for (const warning of loaded.warnings) if (started && !warned.has(warning)) clog.warn(warning);
      for (const warning of loaded.warnings) warned.add(warning);
      if (started) tell(changesOf(specs, before.configs, loaded.configs), loaded.configs);
    },
  });
  const tell = ({ hot, restart }: Changes, configs: ConfigsOf<S>): void => {
    if (restart.length > 0) clog.warn("changed settings act after a restart", { keys: restart });
    if (hot.length === 0) return;
    clog.info("settings changed", { keys: hot });
    listener(configs, hot);
  };
  started = true;
  return {
    get loaded() {
      return loaded;
    },
    onHot(next) {
      listener = next;
    },
    [Symbol.asyncDispose]: () => watch.close(),
  };
}

interface Changes {
  readonly hot: readonly string[];
  readonly restart: readonly string[];
}

/** A key that several specs have counts once. */
function changesOf<S extends Specs>(specs: S, before: ConfigsOf<S>, after: ConfigsOf<S>): Changes {
  const hot = new Set<string>();
  const restart = new Set<string>();
  for (const [name, spec] of Object.entries(specs)) {
    // Both are the values of this very spec; the type checker cannot follow that.
    const changed = changedKeys(spec, Reflect.get(before, name) as never, Reflect.get(after, name) as never);
    for (const key of changed.hot) hot.add(key);
    for (const key of changed.restart) restart.add(key);
  }
  return { hot: [...hot], restart: [...restart] };
}
