import { type Lock, leaseTtlMs, type NumberLease, PoolExhaustedError } from "./coord.ts";
import { type Hold, type HoldDeps, holdKey } from "./etcd-hold.ts";
import type { KeyValue, Range } from "./etcd-kv.ts";
import { grantLease } from "./etcd-lease.ts";

export interface EtcdLocks {
  acquire(name: string, options: { ttlMs: number; signal: AbortSignal }): Promise<Lock>;
  tryAcquire(name: string, options: { ttlMs: number }): Promise<Lock | undefined>;
  claimNumber(pool: string, range: { min: number; max: number }): Promise<NumberLease>;
}

/** Claims of one number that others were quicker at, in a row. */
const claimsMax = 100;

/** A lock is a queue: whoever waits has a key below `/locks/{name}/`, bound to a lease, and the oldest one has the lock. */
export function createEtcdLocks(prefix: string, deps: HoldDeps): EtcdLocks {
  const { kv, clock } = deps;
  // A name may hold slashes; the queue of "a" is not to be that of "a/b" too.
  const queueOf = (name: string): Range => ({ key: `${prefix}/locks/${encodeURIComponent(name)}/`, prefix: true });
  const placeOf = (queue: Range, lease: string): string => queue.key + BigInt(lease).toString(16).padStart(16, "0");
  return {
    async acquire(name, { ttlMs, signal }) {
      for (;;) {
        signal.throwIfAborted();
        const place = await enter(queueOf(name), ttlMs, signal);
        if (place !== undefined) return lockOf(name, place);
      }
    },
    async tryAcquire(name, { ttlMs }) {
      const queue = queueOf(name);
      const granted = await grantLease(kv, ttlMs, clock);
      const key = placeOf(queue, granted.lease);
      const written = await kv.putIf({ absent: queue }, key, "", granted.lease).catch(async (error: unknown) => {
        await giveUp(granted.lease);
        throw error;
      });
      if (written === undefined) {
        await kv.revoke(granted.lease);
        return undefined;
      }
      return lockOf(name, await holdKey({ key, granted, onLapse: "lose", value: () => "" }, deps));
    },
    claimNumber,
  };

  /** Queues up and waits until it is our turn. Undefined: our place lapsed while waiting. */
  async function enter(queue: Range, ttlMs: number, signal: AbortSignal): Promise<Hold | undefined> {
    const granted = await grantLease(kv, ttlMs, clock);
    const key = placeOf(queue, granted.lease);
    const turn = Promise.withResolvers<void>();
    const onChange = (all: readonly KeyValue[]): void => {
      if (firstOf(all)?.key === key) turn.resolve();
    };
    await kv.put(key, "", granted.lease).catch(async (error: unknown) => {
      await giveUp(granted.lease);
      throw error;
    });
    const hold = await holdKey({ key, granted, onLapse: "lose", value: () => "", around: queue, onChange }, deps);
    const stop = (): void => turn.reject(signal.reason);
    const lose = (): void => turn.resolve();
    signal.addEventListener("abort", stop, { once: true });
    hold.lost.addEventListener("abort", lose, { once: true });
    if (signal.aborted) stop();
    if (hold.lost.aborted) lose();
    try {
      await turn.promise;
      deps.closing.throwIfAborted();
      return hold.lost.aborted ? undefined : hold;
    } catch (error) {
      await hold.release();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      hold.lost.removeEventListener("abort", lose);
    }
  }

  /** Of a lease that may be bound to something by now. */
  function giveUp(lease: string): Promise<void> {
    return kv.revoke(lease).catch(() => {});
  }

  async function claimNumber(pool: string, range: { min: number; max: number }): Promise<NumberLease> {
    const base: Range = { key: `${prefix}/im-infra/allocators/${pool}/`, prefix: true };
    const granted = await grantLease(kv, leaseTtlMs, clock);
    try {
      for (let tried = 0; tried < claimsMax; tried += 1) {
        const taken = new Set((await kv.list(base)).all.map((one) => one.key));
        const number = lowestFree(range, (one) => taken.has(base.key + one));
        if (number === undefined)
          throw new PoolExhaustedError(`every number of ${pool} from ${range.min} to ${range.max} is taken`);
        const key = base.key + number;
        if ((await kv.putIf({ absent: { key, prefix: false } }, key, "", granted.lease)) === undefined) continue;
        return numberOf(number, await holdKey({ key, granted, onLapse: "regain", value: () => "" }, deps));
      }
      throw new PoolExhaustedError(`others were quicker at ${claimsMax} numbers of ${pool}`);
    } catch (error) {
      await giveUp(granted.lease);
      throw error;
    }
  }
}

function firstOf(queue: readonly KeyValue[]): KeyValue | undefined {
  let first: KeyValue | undefined;
  for (const one of queue) if (first === undefined || one.createRevision < first.createRevision) first = one;
  return first;
}

function lowestFree(range: { min: number; max: number }, isTaken: (number: number) => boolean): number | undefined {
  for (let number = range.min; number <= range.max; number += 1) if (!isTaken(number)) return number;
  return undefined;
}

function lockOf(name: string, hold: Hold): Lock {
  return { name, lost: hold.lost, release: () => hold.release() };
}

function numberOf(number: number, hold: Hold): NumberLease {
  return {
    number,
    lost: hold.lost,
    lastConfirmedMs: () => hold.lastConfirmedMs(),
    release: () => hold.release(),
  };
}
