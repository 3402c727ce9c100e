import type { Logger } from "../clog/clog.ts";
import type { EtcdKv } from "./etcd-kv.ts";

/** A lease as it was granted or renewed. */
export interface Granted {
  readonly lease: string;
  readonly ttlMs: number;
  /** Our clock when the request was sent: the lease lasts at least until this + `ttlMs`. */
  readonly confirmedMs: number;
}

export interface KeeperOptions {
  readonly kv: EtcdKv;
  readonly clog: Logger;
  readonly clock: () => number;
  readonly granted: Granted;
  /** The lease is gone, or `poke(true)` said that what was bound to it is. Answers another lease to keep, or undefined to stop. May reject: it is asked again. */
  gone(): Promise<Granted | undefined>;
  /** Nothing was heard for the lease's whole time. May be told again. */
  unconfirmed(): void;
  /** Confirmed again after that time, or another lease is kept. */
  regained(): void;
}

export interface Keeper {
  readonly current: Granted;
  /** Renews now; `gone`: what was bound to the lease is not there any more. */
  poke(gone: boolean): void;
  /** Renews no more. Resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** After a failure it is tried again this often. */
const retryMs = 1000;

/** Renews a lease every third of its time, until stopped. */
export function keepLease(options: KeeperOptions): Keeper {
  const { kv, clog, clock } = options;
  let stopped = false;
  let current = options.granted;
  let isGone = false;
  let isDue = false;
  let wake = (): void => {};
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  // A timer of its own: a call that hangs must not hide that the time is over.
  const arm = (): void => {
    clearTimeout(timer);
    timer = setTimeout(options.unconfirmed, Math.max(0, current.confirmedMs + current.ttlMs - clock()));
  };
  const rest = (ms: number): Promise<void> => {
    if (isDue || stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const alarm = setTimeout(() => wake(), ms);
      wake = () => {
        clearTimeout(alarm);
        resolve();
      };
    });
  };
  const renew = async (): Promise<boolean> => {
    const sentMs = clock();
    // By the clock, not by the timer: a process that was paused may run this first.
    const isLate = sentMs - current.confirmedMs >= current.ttlMs;
    const { lease } = current;
    const ttlMs = isGone ? 0 : await kv.keepAlive(current.lease);
    if (ttlMs > 0) {
      current = { ...current, ttlMs, confirmedMs: sentMs };
    } else {
      isGone = false;
      const next = await options.gone().catch((error: unknown) => {
        isGone = true;
        throw error;
      });
      if (next === undefined) return false;
      current = next;
    }
    if (isLate || current.lease !== lease) options.regained();
    return true;
  };
  const run = async (): Promise<void> => {
    while (!stopped) {
      await rest(failures > 0 ? Math.min(retryMs, current.ttlMs / 3) : current.ttlMs / 3);
      if (stopped) return;
      isDue = false;
      try {
        if (!(await renew()) || stopped) return;
        if (failures > 0) clog.info("a lease is confirmed again", { lease: current.lease });
        failures = 0;
        arm();
      } catch (err) {
        failures += 1;
        if (failures === 1) clog.warn("a lease cannot be confirmed", { lease: current.lease, err });
      }
    }
  };
  arm();
  const running = run().finally(() => clearTimeout(timer));
  return {
    get current() {
      return current;
    },
    poke(gone) {
      isGone ||= gone;
      isDue = true;
      wake();
    },
    async stop() {
      stopped = true;
      wake();
      clearTimeout(timer);
      await running;
    },
  };
}

/** Grants a lease; its time counts from the sending of the request. */
export async function grantLease(kv: EtcdKv, ttlMs: number, clock: () => number): Promise<Granted> {
  const confirmedMs = clock();
  return { ...(await kv.grant(ttlMs)), confirmedMs };
}
