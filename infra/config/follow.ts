import type { Logger } from "../clog/clog.ts";
import type { Setting, Settings, Watch } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";

export interface FollowOptions<T> {
  readonly settings: Settings;
  /** Documents are the keys below it. */
  readonly prefix: string;
  /** Of the component, for the log and `gochat_config_reload_total`. */
  readonly name: string;
  /** Reads one document; throws when it does not validate. */
  parse(text: string, key: string): T;
  /** Takes the valid documents, by key in order: before `followDocuments` resolves, then after each change. When it throws, the change counts as rejected. */
  apply(documents: ReadonlyMap<string, T>): void;
  readonly clog: Logger;
  readonly metrics: Metrics;
}

/** Follows documents of the configuration centre. One that does not validate is rejected: its last valid state stays, an error is logged and counted. */
export function followDocuments<T>(options: FollowOptions<T>): Promise<Watch> {
  const { settings, prefix, name, clog, metrics } = options;
  const reloads = metrics.counter(
    "gochat_config_reload_total",
    "Documents of the configuration centre that were read.",
    ["name", "result"],
  );
  const [ok, rejected] = [reloads.with({ name, result: "ok" }), reloads.with({ name, result: "rejected" })];
  // By version also what was rejected, so that it is told once.
  let seen = new Map<string, { version: bigint; document: T | undefined }>();
  const read = (setting: Setting): { version: bigint; document: T | undefined } => {
    const old = seen.get(setting.key);
    if (old?.version === setting.version) return old;
    try {
      const document = options.parse(setting.value, setting.key);
      ok.inc();
      return { version: setting.version, document };
    } catch (err) {
      rejected.inc();
      clog.error("a changed setting was rejected, the previous one stays", { component: name, key: setting.key, err });
      return { version: setting.version, document: old?.document };
    }
  };
  return settings.watchPrefix(prefix, (all) => {
    seen = new Map(all.map((setting) => [setting.key, read(setting)]));
    const valid = new Map<string, T>();
    for (const [key, { document }] of seen) if (document !== undefined) valid.set(key, document);
    try {
      options.apply(valid);
    } catch (err) {
      rejected.inc();
      clog.error("changed settings were rejected, the previous ones stay", { component: name, err });
    }
  });
}
