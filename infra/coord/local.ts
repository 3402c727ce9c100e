import { type Logger, silentLogger } from "../clog/clog.ts";
import {
  type Coord,
  CoordUnavailableError,
  type Lock,
  type NumberLease,
  PoolExhaustedError,
  type RegisterOptions,
  type Registration,
} from "./coord.ts";
import { createLocalLocks, type Holder, type LocalLocks } from "./local-locks.ts";
import { createLocalRegistry, type LocalRegistry } from "./local-registry.ts";
import { createLocalSettings, type LocalSettings } from "./local-settings.ts";
import { openSettings } from "./open-settings.ts";

/** What the coords of one process share; it takes the place of the servers. */
export interface LocalRealm {
  readonly registry: LocalRegistry;
  readonly locks: LocalLocks;
  readonly settings: LocalSettings;
}

/** `settings`: what the configuration centre holds at first, by key. */
export function createLocalRealm(settings: Readonly<Record<string, string>> = {}): LocalRealm {
  return { registry: createLocalRegistry(), locks: createLocalLocks(), settings: createLocalSettings(settings) };
}

export interface LocalCoordOptions {
  /** Coords that shall see each other get the same one. Default: a new one. */
  realm?: LocalRealm;
  clog?: Logger;
  /** Unix ms. Default `Date.now`. */
  clock?: () => number;
}

export interface LocalCoord extends Coord {
  /** Lets everything held through this coord lapse, as if its process was paused beyond the leases; it wakes up after `meanwhile`. For tests. */
  lapse(meanwhile?: () => Promise<void>): Promise<void>;
}

/** Coordination within one process. Nothing lapses by itself: the process that would have to renew is the one that would notice. */
export function createLocalCoord(options: LocalCoordOptions = {}): LocalCoord {
  const { realm = createLocalRealm(), clog = silentLogger, clock = Date.now } = options;
  const held = new Set<Hold>();
  const closing = new AbortController();
  const checkOpen = (): void => {
    if (closing.signal.aborted) throw closing.signal.reason;
  };
  const hold: MakeHold = (give, retake) => createHold(held, give, retake);
  const loseAll = (reason: Error): void => {
    for (const one of held) one.end(reason);
  };
  const lockOf = (name: string): { path: string; one: Hold; lock: Lock } => {
    const path = `/locks/${name}`;
    const one = hold((holder) => realm.locks.give(path, holder));
    return { path, one, lock: { name, lost: one.lost, release: one.release } };
  };

  return {
    async register(instance, options = {}) {
      checkOpen();
      return registrationOf(realm.registry, instance, options, hold);
    },
    async discover(name) {
      checkOpen();
      return realm.registry.discover(name);
    },
    async watch(name, onChange) {
      checkOpen();
      return realm.registry.watch(name, onChange, clog);
    },
    async acquire(name, { signal }) {
      checkOpen();
      const { path, one, lock } = lockOf(name);
      await realm.locks.take(path, one, AbortSignal.any([signal, closing.signal]));
      one.start();
      if (closing.signal.aborted) {
        await lock.release();
        throw closing.signal.reason;
      }
      return lock;
    },
    async tryAcquire(name) {
      checkOpen();
      const { path, one, lock } = lockOf(name);
      if (!realm.locks.tryTake(path, one)) return undefined;
      one.start();
      return lock;
    },
    async claimNumber(pool, range) {
      checkOpen();
      return claimNumber(realm.locks, pool, range, hold, clock);
    },
    settings: openSettings(realm.settings.of(clog), checkOpen),
    async lapse(meanwhile) {
      const lapsed = [...held];
      for (const one of lapsed) one.lapse();
      await meanwhile?.();
      for (const one of lapsed) one.regain();
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new CoordUnavailableError("coord is closed"));
      loseAll(new CoordUnavailableError("coord is closed"));
    },
  };
}

interface Hold extends Holder {
  readonly lost: AbortSignal;
  readonly holding: boolean;
  start(): void;
  release(): Promise<void>;
  /** Without `retake` it is lost. */
  lapse(): void;
  regain(): void;
}
/** `retake` takes again what lapsed; false when another has it. */
type MakeHold = (give: (holder: Holder) => void, retake?: (holder: Holder) => boolean) => Hold;

function createHold(held: Set<Hold>, give: (holder: Holder) => void, retake?: (holder: Holder) => boolean): Hold {
  const gone = new AbortController();
  let lapsed = false;
  const one: Hold = {
    lost: gone.signal,
    get holding() {
      return held.has(one);
    },
    start: () => held.add(one),
    async release() {
      lapsed = false;
      if (held.delete(one)) give(one);
    },
    lapse() {
      if (retake === undefined) one.end(new Error("the lease lapsed"));
      lapsed = held.delete(one);
      if (lapsed) give(one);
    },
    regain() {
      if (!lapsed) return;
      lapsed = false;
      if (retake?.(one)) held.add(one);
      else gone.abort(new Error("another process has it"));
    },
    end(reason) {
      if (!held.delete(one)) return;
      give(one);
      gone.abort(reason);
    },
  };
  return one;
}

function registrationOf(
  registry: LocalRegistry,
  first: Parameters<Coord["register"]>[0],
  { onRegained }: RegisterOptions,
  hold: MakeHold,
): Registration {
  let instance = first;
  const one = hold(
    (holder) => registry.remove(instance, holder),
    (holder) => {
      const isBack = registry.putFree(instance, holder);
      if (isBack) onRegained?.();
      return isBack;
    },
  );
  one.start();
  registry.put(instance, one);
  return {
    lost: one.lost,
    async update(change) {
      instance = { ...instance, ...change };
      registry.update(instance, one);
    },
    unregister: one.release,
  };
}

function claimNumber(
  locks: LocalLocks,
  pool: string,
  range: { min: number; max: number },
  hold: MakeHold,
  clock: () => number,
): NumberLease {
  for (let number = range.min; number <= range.max; number += 1) {
    const path = `/im-infra/allocators/${pool}/${number}`;
    const one = hold(
      (holder) => locks.give(path, holder),
      (holder) => locks.tryTake(path, holder),
    );
    if (!locks.tryTake(path, one)) continue;
    one.start();
    // In one process a lease that is held is confirmed at any moment; one that was given back never was.
    return {
      number,
      lost: one.lost,
      lastConfirmedMs: () => (one.holding ? clock() : Number.NEGATIVE_INFINITY),
      release: one.release,
    };
  }
  throw new PoolExhaustedError(`every number of ${pool} from ${range.min} to ${range.max} is taken`);
}
