import { type Logger, silentLogger } from "../clog/clog.ts";
import type { CoordConfig } from "./config.ts";
import { type Coord, CoordUnavailableError, type Settings } from "./coord.ts";
import type { Hold, HoldDeps } from "./etcd-hold.ts";
import { createEtcdHttp } from "./etcd-http.ts";
import { createEtcdKv, type EtcdKv } from "./etcd-kv.ts";
import { createEtcdLocks } from "./etcd-locks.ts";
import { pause } from "./etcd-mirror.ts";
import { createEtcdRegistry } from "./etcd-registry.ts";
import { createEtcdSettings } from "./etcd-settings.ts";

export interface EtcdDeps {
  readonly clog?: Logger;
  /** Unix ms. Default `Date.now`. */
  readonly clock?: () => number;
  /** Ends the wait for the first answer. */
  readonly signal?: AbortSignal;
}

const lookEveryMs = 500;

/** Coordination by etcd 3.4 or later, through the JSON form of its API. Resolves when etcd answers; rejects with CoordUnavailableError after `startWait`.
 *  While etcd is away: `discover` and watches keep what they knew, holds wait to be confirmed, everything else rejects with CoordUnavailableError. */
export async function connectEtcd(config: Omit<CoordConfig, "driver">, deps: EtcdDeps = {}): Promise<Coord> {
  const { clog = silentLogger, clock = Date.now } = deps;
  const http = createEtcdHttp(config);
  const kv = createEtcdKv(http);
  try {
    await reach(kv, config, clog, deps.signal);
  } catch (error) {
    http.close();
    throw error;
  }
  const closing = new AbortController();
  const held = new Set<Hold>();
  const underWay = new Set<Promise<unknown>>();
  const shared: HoldDeps = { kv, clog, clock, held, closing: closing.signal };
  const registry = createEtcdRegistry(config.prefix, shared);
  const locks = createEtcdLocks(config.prefix, shared);
  const guard =
    <A extends unknown[], R>(verb: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      closing.signal.throwIfAborted();
      const call = verb(...args);
      underWay.add(call);
      try {
        return await call;
      } finally {
        underWay.delete(call);
      }
    };
  let closed: Promise<void> | undefined;
  return {
    register: guard(registry.register),
    discover: guard(registry.discover),
    watch: guard(registry.watch),
    acquire: guard((name, options) =>
      locks.acquire(name, { ...options, signal: AbortSignal.any([options.signal, closing.signal]) }),
    ),
    tryAcquire: guard(locks.tryAcquire),
    claimNumber: guard(locks.claimNumber),
    settings: guarded(createEtcdSettings(config.prefix, shared), guard),
    [Symbol.asyncDispose]() {
      closed ??= close();
      return closed;
    },
  };

  async function close(): Promise<void> {
    const reason = new CoordUnavailableError("coord is closed");
    closing.abort(reason);
    await Promise.all([...held].map((one) => one.end(reason)));
    // What was being taken is given back as well, or it would stay for its whole lease.
    await Promise.allSettled(underWay);
    await Promise.all([...held].map((one) => one.end(reason)));
    http.close();
  }
}

type Guard = <A extends unknown[], R>(verb: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;

function guarded(settings: Settings, guard: Guard): Settings {
  return {
    get: guard(settings.get),
    set: guard(settings.set),
    delete: guard(settings.delete),
    list: guard(settings.list),
    watchPrefix: guard(settings.watchPrefix),
    compareAndSet: guard(settings.compareAndSet),
    setAll: guard(settings.setAll),
  };
}

async function reach(
  kv: EtcdKv,
  config: Omit<CoordConfig, "driver">,
  clog: Logger,
  signal = new AbortController().signal,
): Promise<void> {
  const endMs = Date.now() + config.startWait;
  for (let tried = 1; ; tried += 1) {
    signal.throwIfAborted();
    try {
      await kv.mark({ key: `${config.prefix}/`, prefix: true });
      clog.info("etcd is there", { where: kv.http.where });
      return;
    } catch (cause) {
      if (Date.now() >= endMs) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new CoordUnavailableError(
          `etcd at ${kv.http.where} was not reached within ${config.startWait} ms: ${reason}`,
          { cause },
        );
      }
      if (tried === 2)
        clog.warn(`waiting for etcd at ${kv.http.where}, at most ${config.startWait / 1000} s`, { err: cause });
      await pause(Math.min(lookEveryMs, endMs - Date.now()), signal);
    }
  }
}
