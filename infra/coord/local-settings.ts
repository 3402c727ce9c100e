import type { Logger } from "../clog/clog.ts";
import {
  checkChanges,
  type Setting,
  type SettingChange,
  type Settings,
  SettingTooLargeError,
  settingBytesMax,
} from "./coord.ts";
import { createWatchers } from "./local-watch.ts";

/** Keys of one centre. */
export const settingsMax = 10_000;

/** The configuration centre in memory; `clog` of the caller tells of its watchers' failures. */
export interface LocalSettings {
  of(clog: Logger): Settings;
}

export function createLocalSettings(initial: Readonly<Record<string, string>>): LocalSettings {
  const all = new Map<string, Setting>();
  const watchers = createWatchers<readonly Setting[]>((prefix, key) => key.startsWith(prefix));
  // One counter for all keys: a version is never used twice, also after a delete.
  let version = 0n;
  const put = (key: string, value: string): bigint => {
    checkSize(key, value);
    if (all.size >= settingsMax && !all.has(key))
      throw new SettingTooLargeError(`there are ${settingsMax} keys already`);
    version += 1n;
    all.set(key, { key, value, version });
    watchers.changed(key);
    return version;
  };
  const putAll = (changes: readonly SettingChange[]): void => {
    checkChanges(changes);
    const added = changes.filter(({ key, value }) => value !== undefined && !all.has(key)).length;
    if (all.size + added > settingsMax) throw new SettingTooLargeError(`there are ${settingsMax} keys at most`);
    for (const { key, value } of changes) checkSize(key, value ?? "");
    for (const { key, value } of changes) {
      if (value !== undefined) put(key, value);
      else if (all.delete(key)) watchers.changed(key);
    }
  };
  const list = (prefix: string): Setting[] =>
    [...all.values()].filter((one) => one.key.startsWith(prefix)).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  for (const [key, value] of Object.entries(initial)) put(key, value);
  return {
    of: (clog) => ({
      get: async (key) => all.get(key),
      set: async (key, value) => put(key, value),
      async delete(key) {
        const was = all.delete(key);
        if (was) watchers.changed(key);
        return was;
      },
      list: async (prefix) => list(prefix),
      watchPrefix: async (prefix, onChange) => watchers.add(prefix, () => list(prefix), onChange, clog),
      setAll: async (changes) => putAll(changes),
      compareAndSet: async (key, expected, value) => (all.get(key)?.version === expected ? put(key, value) : undefined),
    }),
  };
}

function checkSize(key: string, value: string): void {
  if (Buffer.byteLength(value) > settingBytesMax)
    throw new SettingTooLargeError(`${key} has more than ${settingBytesMax} bytes`);
}
