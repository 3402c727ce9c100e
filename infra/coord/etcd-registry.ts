import {
  CoordUnavailableError,
  leaseTtlMs,
  type RegisterOptions,
  type Registration,
  type ServiceInstance,
  type Watch,
} from "./coord.ts";
import { type HoldDeps, holdKey } from "./etcd-hold.ts";
import { recordOf } from "./etcd-http.ts";
import type { KeyValue, Range } from "./etcd-kv.ts";
import { grantLease } from "./etcd-lease.ts";
import { openMirror } from "./etcd-mirror.ts";

export interface EtcdRegistry {
  register(instance: ServiceInstance, options?: RegisterOptions): Promise<Registration>;
  discover(name: string): Promise<ServiceInstance[]>;
  watch(name: string, onChange: (all: readonly ServiceInstance[]) => void): Promise<Watch>;
}

/** Names whose last known instances are kept. */
const namesMax = 1000;

export function createEtcdRegistry(prefix: string, deps: HoldDeps): EtcdRegistry {
  const { kv, clock } = deps;
  const known = new Map<string, ServiceInstance[]>();
  const rangeOf = (name: string): Range => ({ key: `${prefix}/services/${name}/`, prefix: true });
  const keep = (name: string, all: readonly KeyValue[]): ServiceInstance[] => {
    const instances = instancesOf(name, all);
    if (known.size < namesMax || known.has(name)) known.set(name, instances);
    return instances;
  };
  return {
    async register(first, options = {}) {
      let instance = first;
      const key = rangeOf(first.name).key + first.id;
      const value = (): string => JSON.stringify(instance);
      const granted = await grantLease(kv, leaseTtlMs, clock);
      try {
        // Over whatever is there: an earlier life of this instance learns that it was replaced.
        await kv.put(key, value(), granted.lease);
      } catch (error) {
        await kv.revoke(granted.lease).catch(() => {});
        throw error;
      }
      const hold = await holdKey({ key, granted, onLapse: "regain", value, ...options }, deps);
      return {
        lost: hold.lost,
        async update(change) {
          instance = { ...instance, ...change };
          const lease = hold.lease;
          // Not ours now: either it was lost, or it comes back with what it is to show by then.
          if (!hold.lost.aborted) await kv.putIf({ key, lease }, key, value(), lease);
        },
        unregister: () => hold.release(),
      };
    },
    async discover(name) {
      try {
        return [...keep(name, (await kv.list(rangeOf(name))).all)];
      } catch (error) {
        const last = known.get(name);
        if (last === undefined || !(error instanceof CoordUnavailableError) || deps.closing.aborted) throw error;
        return [...last];
      }
    },
    watch: (name, onChange) =>
      openMirror(rangeOf(name), (all) => onChange(keep(name, all)), { ...deps, signal: deps.closing }),
  };
}

/** What cannot be read is left out, and so are instances of names that only begin alike. */
function instancesOf(name: string, all: readonly KeyValue[]): ServiceInstance[] {
  return all
    .map((one) => instanceOf(one.value))
    .filter((one) => one !== undefined)
    .filter((one) => one.name === name)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function instanceOf(value: string): ServiceInstance | undefined {
  let read: unknown;
  try {
    read = JSON.parse(value);
  } catch {
    return undefined;
  }
  const { name, id, address, port, metadata } = recordOf(read);
  if (typeof name !== "string" || typeof id !== "string") return undefined;
  if (typeof address !== "string" || typeof port !== "number") return undefined;
  const texts = Object.entries(recordOf(metadata)).map(([key, one]): [string, string] => [key, String(one)]);
  return { name, id, address, port, metadata: Object.fromEntries(texts) };
}
