import type { Logger } from "../clog/clog.ts";
import type { Watch } from "./coord.ts";

/** Watchers of one kind of state, each with the part it wants. */
export interface Watchers<T> {
  /** Calls `onChange` with `read()` now, then after every `changed` that concerns `scope`. */
  add(scope: string, read: () => T, onChange: (all: T) => void, clog: Logger): Watch;
  /** Something under `key` changed. Watchers are called on the next microtask, once for all changes until then. */
  changed(key: string): void;
}

interface Watcher {
  readonly scope: string;
  readonly call: () => void;
  due: boolean;
}

/** `concerns(scope, key)` says whether a watcher of `scope` wants to know of `key`. */
export function createWatchers<T>(concerns: (scope: string, key: string) => boolean): Watchers<T> {
  const all = new Set<Watcher>();
  let flushing = false;
  const flush = (): void => {
    flushing = false;
    for (const watcher of all) {
      if (!watcher.due) continue;
      watcher.due = false;
      watcher.call();
    }
  };
  return {
    add(scope, read, onChange, clog) {
      const call = (): void => {
        try {
          onChange(read());
        } catch (err) {
          clog.error("a watcher failed", { scope, err });
        }
      };
      const watcher: Watcher = { scope, call, due: false };
      all.add(watcher);
      call();
      return {
        async close() {
          all.delete(watcher);
        },
      };
    },
    changed(key) {
      for (const watcher of all) if (concerns(watcher.scope, key)) watcher.due = true;
      if (flushing) return;
      flushing = true;
      queueMicrotask(flush);
    },
  };
}
