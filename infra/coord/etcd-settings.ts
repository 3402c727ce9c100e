import { checkChanges, type Setting, type Settings, SettingTooLargeError, settingBytesMax } from "./coord.ts";
import type { HoldDeps } from "./etcd-hold.ts";
import type { KeyValue } from "./etcd-kv.ts";
import { openMirror } from "./etcd-mirror.ts";

/** The configuration centre: plain keys. A version is the revision of etcd that wrote it, which is never used twice. */
export function createEtcdSettings(prefix: string, { kv, clog, closing }: HoldDeps): Settings {
  const settingOf = (one: KeyValue): Setting => ({
    key: one.key.slice(prefix.length),
    value: one.value,
    version: one.modRevision,
  });
  const check = (key: string, value: string): void => {
    if (Buffer.byteLength(value) > settingBytesMax)
      throw new SettingTooLargeError(`${key} has more than ${settingBytesMax} bytes`);
  };
  return {
    async get(key) {
      const [one] = (await kv.list({ key: prefix + key, prefix: false })).all;
      return one === undefined ? undefined : settingOf(one);
    },
    async set(key, value) {
      check(key, value);
      return kv.put(prefix + key, value);
    },
    delete: async (key) => kv.delete(prefix + key),
    async list(keys) {
      return (await kv.list({ key: prefix + keys, prefix: true })).all.map(settingOf);
    },
    watchPrefix: (keys, onChange) =>
      openMirror({ key: prefix + keys, prefix: true }, (all) => onChange(all.map(settingOf)), {
        kv,
        clog,
        signal: closing,
      }),
    async compareAndSet(key, version, value) {
      check(key, value);
      const path = prefix + key;
      const condition =
        version === undefined ? { absent: { key: path, prefix: false } } : { key: path, modRevision: version };
      return kv.putIf(condition, path, value);
    },
    async setAll(changes) {
      checkChanges(changes);
      for (const { key, value = "" } of changes) check(key, value);
      await kv.changeAll(changes.map(({ key, value }) => ({ key: prefix + key, value })));
    },
  };
}
