import type { Logger } from "../clog/clog.ts";
import type { ServiceInstance, Watch } from "./coord.ts";
import type { Holder } from "./local-locks.ts";
import { createWatchers } from "./local-watch.ts";

/** Instances by name and id in memory. */
export interface LocalRegistry {
  /** Replaces a holder of the same name and id, and ends it. Throws RangeError past `instancesMax`. */
  put(instance: ServiceInstance, holder: Holder): void;
  /** As put, where nobody is registered under the name and id; else false. */
  putFree(instance: ServiceInstance, holder: Holder): boolean;
  /** Does nothing when another holder is registered by now. */
  update(instance: ServiceInstance, holder: Holder): void;
  remove(instance: ServiceInstance, holder: Holder): void;
  discover(name: string): ServiceInstance[];
  watch(name: string, onChange: (all: readonly ServiceInstance[]) => void, clog: Logger): Watch;
}

/** Of one name. */
export const instancesMax = 10_000;

export function createLocalRegistry(): LocalRegistry {
  const names = new Map<string, Map<string, { instance: ServiceInstance; holder: Holder }>>();
  const watchers = createWatchers<readonly ServiceInstance[]>((scope, name) => scope === name);
  const discover = (name: string): ServiceInstance[] =>
    [...(names.get(name)?.values() ?? [])].map((one) => one.instance).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const put = (instance: ServiceInstance, holder: Holder): void => {
    const byId = names.get(instance.name) ?? new Map<string, { instance: ServiceInstance; holder: Holder }>();
    const old = byId.get(instance.id);
    if (old === undefined && byId.size >= instancesMax)
      throw new RangeError(`${instancesMax} instances of ${instance.name} are registered`);
    names.set(instance.name, byId);
    byId.set(instance.id, { instance, holder });
    old?.holder.end(new Error(`another process registered ${instance.name} ${instance.id}`));
    watchers.changed(instance.name);
  };
  return {
    put,
    putFree(instance, holder) {
      if (names.get(instance.name)?.has(instance.id)) return false;
      put(instance, holder);
      return true;
    },
    update(instance, holder) {
      const entry = names.get(instance.name)?.get(instance.id);
      if (entry?.holder !== holder) return;
      entry.instance = instance;
      watchers.changed(instance.name);
    },
    remove(instance, holder) {
      const byId = names.get(instance.name);
      if (byId?.get(instance.id)?.holder !== holder) return;
      byId.delete(instance.id);
      if (byId.size === 0) names.delete(instance.name);
      watchers.changed(instance.name);
    },
    discover,
    watch: (name, onChange, clog) => watchers.add(name, () => discover(name), onChange, clog),
  };
}
