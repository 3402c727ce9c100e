import type { Peer } from "../bridge/peer.ts";
import { type CoordGuestVerbs, coordErrors } from "./bridge.ts";
import type {
  Coord,
  Lock,
  NumberLease,
  Registration,
  ServiceInstance,
  Setting,
  SettingChange,
  Watch,
} from "./coord.ts";

/** What the process without a centre calls here. What is held or watched goes by a number that the caller chose. */
export interface CoordHostVerbs {
  readonly register: (id: number, instance: ServiceInstance) => Promise<void>;
  readonly update: (id: number, change: Parameters<Registration["update"]>[0]) => Promise<void>;
  readonly discover: (name: string) => Promise<ServiceInstance[]>;
  readonly watch: (id: number, name: string) => Promise<void>;
  readonly watchPrefix: (id: number, prefix: string) => Promise<void>;
  readonly acquire: (id: number, name: string, ttlMs: number) => Promise<void>;
  readonly tryAcquire: (id: number, name: string, ttlMs: number) => Promise<boolean>;
  readonly claimNumber: (id: number, pool: string, range: { min: number; max: number }) => Promise<number>;
  /** Gives back what is held under the number, or ends the watch, or the waiting for a lock. */
  readonly release: (id: number) => Promise<void>;
  readonly releaseAll: () => Promise<void>;
  readonly get: (key: string) => Promise<Setting | undefined>;
  readonly set: (key: string, value: string) => Promise<bigint>;
  readonly delete: (key: string) => Promise<boolean>;
  readonly list: (prefix: string) => Promise<Setting[]>;
  readonly compareAndSet: (key: string, version: bigint | undefined, value: string) => Promise<bigint | undefined>;
  readonly setAll: (changes: readonly SettingChange[]) => Promise<void>;
}

/** Lets the process at the other end use this centre. What it holds is given back when it ends: a process cannot outlive
 *  the line, so unlike a lease nothing has to be waited for. */
export function serveCoord(peer: Peer, coord: Coord): void {
  const guest = peer.remote<CoordGuestVerbs>("coord-guest", coordErrors);
  const held = new Map<number, () => Promise<void>>();
  const registrations = new Map<number, Registration>();
  const { settings } = coord;

  const holds = (id: number, { lost, release }: Pick<Lock | NumberLease, "lost" | "release">): void => {
    held.set(id, release);
    lost.addEventListener("abort", () => void guest.lost(id).catch(() => undefined), { once: true });
    // The process may have ended while this was on its way to it.
    if (peer.closed.aborted) void release();
  };
  const watched = (id: number, watch: Watch): void => {
    held.set(id, () => watch.close());
  };
  const release = async (id: number): Promise<void> => {
    const give = held.get(id);
    held.delete(id);
    registrations.delete(id);
    await give?.();
  };
  const releaseAll = async (): Promise<void> => {
    await Promise.all([...held.keys()].map(release));
  };

  const verbs: CoordHostVerbs = {
    async register(id, instance) {
      const onRegained = (): void => void guest.regained(id).catch(() => undefined);
      const registration = await coord.register(instance, { onRegained });
      registrations.set(id, registration);
      holds(id, { lost: registration.lost, release: () => registration.unregister() });
    },
    update: async (id, change) => registrations.get(id)?.update(change),
    discover: (name) => coord.discover(name),
    async watch(id, name) {
      watched(id, await coord.watch(name, (all) => void guest.changed(id, all).catch(() => undefined)));
    },
    async watchPrefix(id, prefix) {
      watched(id, await settings.watchPrefix(prefix, (all) => void guest.changed(id, all).catch(() => undefined)));
    },
    async acquire(id, name, ttlMs) {
      const stop = new AbortController();
      held.set(id, async () => stop.abort(new Error("not awaited any more")));
      holds(id, await coord.acquire(name, { ttlMs, signal: stop.signal }));
      if (stop.signal.aborted) await release(id);
    },
    async tryAcquire(id, name, ttlMs) {
      const lock = await coord.tryAcquire(name, { ttlMs });
      if (lock !== undefined) holds(id, lock);
      return lock !== undefined;
    },
    async claimNumber(id, pool, range) {
      const lease = await coord.claimNumber(pool, range);
      holds(id, lease);
      return lease.number;
    },
    release,
    releaseAll,
    get: (key) => settings.get(key),
    set: (key, value) => settings.set(key, value),
    delete: (key) => settings.delete(key),
    list: (prefix) => settings.list(prefix),
    compareAndSet: (key, version, value) => settings.compareAndSet(key, version, value),
    setAll: (changes) => settings.setAll(changes),
  };
  peer.serve("coord", { ...verbs });
  peer.closed.addEventListener("abort", () => void releaseAll().catch(() => undefined), { once: true });
}
