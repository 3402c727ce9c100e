import { createRemoteErrors } from "../bridge/errors.ts";
import type { Peer, Remote } from "../bridge/peer.ts";
import type { Logger } from "../clog/clog.ts";
import type { CoordHostVerbs } from "./bridge-host.ts";
import {
  type Coord,
  CoordUnavailableError,
  PoolExhaustedError,
  type ServiceInstance,
  type Setting,
  SettingTooLargeError,
  type Watch,
} from "./coord.ts";
import { openSettings } from "./open-settings.ts";

/** What the process with the centre calls here. */
export interface CoordGuestVerbs {
  readonly lost: (id: number) => void;
  readonly regained: (id: number) => void;
  readonly changed: (id: number, all: readonly ServiceInstance[] | readonly Setting[]) => void;
}

const goneText = "the process with the centre is gone";
export const coordErrors = createRemoteErrors(
  [PoolExhaustedError, SettingTooLargeError, CoordUnavailableError, RangeError],
  () => new CoordUnavailableError(goneText),
);

/** The centre of another process of this machine, over a line to it. What is held is held until it is released or this
 *  process ends; when the line is closed everything is lost and rejects with CoordUnavailableError. */
export function createBridgeCoord(peer: Peer, deps: { clog: Logger; clock?: () => number }): Coord {
  const { clog, clock = Date.now } = deps;
  const remote = peer.remote<CoordHostVerbs>("coord", coordErrors);
  const losses = new Map<number, AbortController>();
  const watchers = new Map<number, (all: never) => void>();
  /** Of registrations: what follows when they are regained. */
  const regains = new Map<number, () => void>();
  const closing = new AbortController();
  let ids = 0;

  const checkOpen = (): void => closing.signal.throwIfAborted();
  const loseAll = (reason: Error): void => {
    for (const loss of losses.values()) loss.abort(reason);
    losses.clear();
  };
  peer.serve("coord-guest", {
    lost(id: number) {
      losses.get(id)?.abort(new Error("another process has it, or the lease lapsed"));
      losses.delete(id);
    },
    regained: (id: number) => regains.get(id)?.(),
    changed(id: number, all: never) {
      try {
        watchers.get(id)?.(all);
      } catch (error) {
        clog.error("a watcher failed", { err: error });
      }
    },
  });
  peer.closed.addEventListener("abort", () => loseAll(new CoordUnavailableError(goneText)), { once: true });

  /** Takes something under a new number. It is held from the answer on, unless `take` says that it was not given. */
  async function hold<T>(take: (id: number) => Promise<T>): Promise<{ id: number; given: T; held: Held }> {
    checkOpen();
    ids += 1;
    const id = ids;
    const loss = new AbortController();
    losses.set(id, loss);
    const held: Held = {
      lost: loss.signal,
      holding: () => losses.has(id),
      async release() {
        if (losses.delete(id)) await remote.release(id);
      },
    };
    try {
      return { id, given: await take(id), held };
    } catch (error) {
      losses.delete(id);
      throw error;
    }
  }
  async function watch(onChange: (all: never) => void, begin: (id: number) => Promise<void>): Promise<Watch> {
    checkOpen();
    ids += 1;
    const id = ids;
    watchers.set(id, onChange);
    try {
      await begin(id);
    } catch (error) {
      watchers.delete(id);
      throw error;
    }
    return {
      async close() {
        if (watchers.delete(id)) await remote.release(id);
      },
    };
  }

  return {
    async register(instance, { onRegained } = {}) {
      const { id, held } = await hold((number) => remote.register(number, instance));
      if (onRegained !== undefined) regains.set(id, onRegained);
      return {
        lost: held.lost,
        update: (change) => remote.update(id, change),
        async unregister() {
          regains.delete(id);
          await held.release();
        },
      };
    },
    async discover(name) {
      checkOpen();
      return remote.discover(name);
    },
    watch: (name, onChange) => watch(onChange, (id) => remote.watch(id, name)),
    async acquire(name, { ttlMs, signal }) {
      checkOpen();
      const either = AbortSignal.any([signal, closing.signal]);
      either.throwIfAborted();
      const { held } = await hold((id) => waitFor(remote, id, remote.acquire(id, name, ttlMs), either));
      return { name, lost: held.lost, release: held.release };
    },
    async tryAcquire(name, { ttlMs }) {
      const { id, given, held } = await hold((number) => remote.tryAcquire(number, name, ttlMs));
      if (given) return { name, lost: held.lost, release: held.release };
      losses.delete(id);
      return undefined;
    },
    async claimNumber(pool, range) {
      const { given, held } = await hold((id) => remote.claimNumber(id, pool, range));
      return {
        number: given,
        lost: held.lost,
        // Nothing lapses while the line is open.
        lastConfirmedMs: () => (held.holding() ? clock() : Number.NEGATIVE_INFINITY),
        release: held.release,
      };
    },
    settings: openSettings(
      {
        get: (key) => remote.get(key),
        set: (key, value) => remote.set(key, value),
        delete: (key) => remote.delete(key),
        list: (prefix) => remote.list(prefix),
        watchPrefix: (prefix, onChange) => watch(onChange, (id) => remote.watchPrefix(id, prefix)),
        compareAndSet: (key, version, value) => remote.compareAndSet(key, version, value),
        setAll: (changes) => remote.setAll(changes),
      },
      checkOpen,
    ),
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return;
      closing.abort(new CoordUnavailableError("coord is closed"));
      loseAll(new CoordUnavailableError("coord is closed"));
      watchers.clear();
      await remote.releaseAll().catch(() => undefined);
    },
  };
}

interface Held {
  readonly lost: AbortSignal;
  holding(): boolean;
  release(): Promise<void>;
}

/** Resolves when the lock is there, or ends the waiting on both sides with the signal's reason. */
function waitFor(remote: Remote<CoordHostVerbs>, id: number, asked: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
      // Whether it was given meanwhile is seen there.
      void remote.release(id).catch(() => undefined);
    };
    signal.addEventListener("abort", stop, { once: true });
    const done = (): void => signal.removeEventListener("abort", stop);
    asked.then(resolve, reject).finally(done);
  });
}
