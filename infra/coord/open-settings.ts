import type { Settings } from "./coord.ts";

/** The same settings, which throw what `checkOpen` throws once their coord is closed. */
export function openSettings(settings: Settings, checkOpen: () => void): Settings {
  return {
    async get(key) {
      checkOpen();
      return settings.get(key);
    },
    async set(key, value) {
      checkOpen();
      return settings.set(key, value);
    },
    async delete(key) {
      checkOpen();
      return settings.delete(key);
    },
    async list(prefix) {
      checkOpen();
      return settings.list(prefix);
    },
    async watchPrefix(prefix, onChange) {
      checkOpen();
      return settings.watchPrefix(prefix, onChange);
    },
    async compareAndSet(key, version, value) {
      checkOpen();
      return settings.compareAndSet(key, version, value);
    },
    async setAll(changes) {
      checkOpen();
      return settings.setAll(changes);
    },
  };
}
