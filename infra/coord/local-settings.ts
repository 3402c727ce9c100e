import type { Logger } from "../clog/clog.ts";
import { type Setting, type Settings, SettingTooLargeError, settingBytesMax } from "./coord.ts";
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
    if (Buffer.byteLength(value) > settingBytesMax)
      throw new SettingTooLargeError(`${key} has more than ${settingBytesMax} bytes`);
    if (all.size >= settingsMax && !all.has(key))
      throw new SettingTooLargeError(`there are ${settingsMax} keys already`);
    version += 1n;
    all.set(key, { key, value, version });
    watchers.changed(key);
    return version;
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
      compareAndSet: async (key, expected, value) => (all.get(key)?.version === expected ? put(key, value) : undefined),
    }),
  };
}
