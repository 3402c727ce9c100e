import type { Logger } from "../clog/clog.ts";
import { followCentre } from "../config/centre.ts";
import type { Sources, Tree } from "../config/config.ts";
import { changedKeys } from "../config/describe.ts";
import { hotCopy, takeHot } from "../config/hot.ts";
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
  /** What services are given: always the same objects, in which hot keys change when the centre says so. Whoever reads a hot key when he needs it needs no listener. */
  readonly configs: ConfigsOf<S>;
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
      if (!started) return;
      for (const [name, spec] of Object.entries(specs))
        takeHot(spec, valuesOf(configs, name), valuesOf(loaded.configs, name));
      tell(changesOf(specs, before.configs, loaded.configs), configs);
    },
  });
  const tell = ({ hot, restart }: Changes, configs: ConfigsOf<S>): void => {
    if (restart.length > 0) clog.warn("changed settings act after a restart", { keys: restart });
    if (hot.length === 0) return;
    clog.info("settings changed", { keys: hot });
    listener(configs, hot);
  };
  const configs = copyOf(specs, loaded.configs);
  started = true;
  return {
    configs,
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
    const changed = changedKeys(spec, valuesOf(before, name), valuesOf(after, name));
    for (const key of changed.hot) hot.add(key);
    for (const key of changed.restart) restart.add(key);
  }
  return { hot: [...hot], restart: [...restart] };
}

function copyOf<S extends Specs>(specs: S, configs: ConfigsOf<S>): ConfigsOf<S> {
  const copies = Object.entries(specs).map(([name, spec]) => [name, hotCopy(spec, valuesOf(configs, name))]);
  return Object.fromEntries(copies) as ConfigsOf<S>;
}

/** The values of the spec of this name; the type checker cannot follow that. */
function valuesOf(configs: object, name: string): never {
  return Reflect.get(configs, name) as never;
}
