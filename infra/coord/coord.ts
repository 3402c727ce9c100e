import type { WorkerLease } from "../uid/uid.ts";

/** One running service. `metadata` holds `version`, `zone`, `worker` and, for gateways, `incarnation` and
 *  `sessions`, their number as of the last minute. */
export interface ServiceInstance {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Registration {
  /** Replaces what the registry shows of this instance (name and id stay). */
  update(change: Partial<Pick<ServiceInstance, "address" | "port" | "metadata">>): Promise<void>;
  /** Aborts when another process has taken the same name and id; never by `unregister`. A registration that lapsed, because the centre was away or this process
   *  was paused, comes back by itself where nobody has. */
  readonly lost: AbortSignal;
  /** May be called again. */
  unregister(): Promise<void>;
}

export interface RegisterOptions {
  /** Called each time the registration is confirmed again after its lease's time had passed without a confirmation, and each time it was written anew. */
  onRegained?(): void;
}

export interface Watch {
  /** No call of `onChange` starts after this resolved. May be called again. */
  close(): Promise<void>;
}

export interface Lock {
  readonly name: string;
  /** Aborts when the lock can no longer be relied on; work under the lock stops then. Never by `release`. */
  readonly lost: AbortSignal;
  /** May be called again. */
  release(): Promise<void>;
}

/** A number of a pool that nobody else holds. */
export interface NumberLease extends WorkerLease {
  /** Aborts when another process holds the number. One that lapsed is taken again by itself where nobody has; until then `lastConfirmedMs` stands still. */
  readonly lost: AbortSignal;
}

/** A key of the configuration centre. `version` grows with every change of the key; it starts anew after a delete, but never repeats the one deleted. */
export interface Setting {
  readonly key: string;
  /** What was written; readers decode it. Empty when the centre could not decode it. */
  readonly value: string;
  readonly version: bigint;
}

export interface SettingChange {
  readonly key: string;
  readonly value: string | undefined;
}

/** The configuration centre. Keys are paths like `/config/{env}/{service}/{component}`; values JSON text. */
export interface Settings {
  get(key: string): Promise<Setting | undefined>;
  /** Answers the new version. Throws SettingTooLargeError. */
  set(key: string, value: string): Promise<bigint>;
  /** True when there was one. */
  delete(key: string): Promise<boolean>;
  /** All keys beginning with `prefix`, ordered by key. */
  list(prefix: string): Promise<Setting[]>;
  /** Calls `onChange` with everything under `prefix`: once before the promise resolves, then after any change. Changes close together may come as one call;
   *  the latest value always comes, also when the connection was lost in between. Calls do not overlap. What `onChange` throws is logged. */
  watchPrefix(prefix: string, onChange: (all: readonly Setting[]) => void): Promise<Watch>;
  /** Writes only if the key has `version` (undefined: if there is no such key). Answers the new version, or undefined when it did not match. */
  compareAndSet(key: string, version: bigint | undefined, value: string): Promise<bigint | undefined>;
  /** Writes and deletes (value undefined) all of them in one step, or nothing. Each key once, at most `settingChangesMax`. Throws SettingTooLargeError, RangeError. */
  setAll(changes: readonly SettingChange[]): Promise<void>;
}

/** Coordination between processes: registry, leases, locks, election, configuration centre. */
export interface Coord {
  /** Shown until `unregister`, dispose, or 30 s after the process was last heard of. A second registration of the same name and id replaces the first and aborts its `lost`. */
  register(instance: ServiceInstance, options?: RegisterOptions): Promise<Registration>;
  /** Ordered by id. While the centre is away: what was known last. */
  discover(name: string): Promise<ServiceInstance[]>;
  /** As `Settings.watchPrefix`: the whole list at once, then after each change. */
  watch(name: string, onChange: (all: readonly ServiceInstance[]) => void): Promise<Watch>;
  /** Waits for the lock, first come first served; held until `release`, dispose or loss, renewed by itself every third of `ttlMs`.
   *  Election is a lock that is never released. Rejects with the signal's reason when that aborts first. */
  acquire(lock: string, options: { ttlMs: number; signal: AbortSignal }): Promise<Lock>;
  /** The lock, or undefined when another holds it. */
  tryAcquire(lock: string, options: { ttlMs: number }): Promise<Lock | undefined>;
  /** The lowest free number of `min…max`, leased for 30 s and kept alive every 10 s. Throws PoolExhaustedError. */
  claimNumber(pool: string, range: { min: number; max: number }): Promise<NumberLease>;
  readonly settings: Settings;
  /** Gives back everything that was taken through this object. */
  [Symbol.asyncDispose](): Promise<void>;
}

export class PoolExhaustedError extends Error {
  override readonly name = "PoolExhaustedError";
}
export class SettingTooLargeError extends Error {
  override readonly name = "SettingTooLargeError";
}
/** The centre cannot be reached. */
export class CoordUnavailableError extends Error {
  override readonly name = "CoordUnavailableError";
}

/** How long a lease outlives its process. */
export const leaseTtlMs = 30_000;
export const leaseRenewMs = 10_000;
/** UTF-8 bytes of one value. */
export const settingBytesMax = 1024 * 1024;
/** Changes of one `setAll`: what etcd takes in one transaction by default. */
export const settingChangesMax = 128;
/** The pool of snowflake workers (spec 40 §1). */
export const workerPool = "gochat/ids";

/** Throws RangeError when `setAll` cannot take them in one step. */
export function checkChanges(changes: readonly SettingChange[]): void {
  if (changes.length > settingChangesMax)
    throw new RangeError(`${changes.length} settings at once, at most ${settingChangesMax}`);
  if (new Set(changes.map(({ key }) => key)).size < changes.length) throw new RangeError("a setting is changed twice");
}
