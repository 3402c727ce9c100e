import type { Script } from "../cache/cache.ts";

/** Replaces KEYS[1] by ARGV[2] for ARGV[3] ms if it holds ARGV[1]; answers 1 if it did. */
export const replaceIf: Script = {
  name: "once-replace-if",
  lua: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`,
  local(store, [key = ""], [old, value = "", ttlMs]) {
    if (store.get(key) !== old) return 0;
    store.set(key, value, { ttlMs: Number(ttlMs) });
    return 1;
  },
};

/** Deletes KEYS[1] if it holds ARGV[1]; answers 1 if it did. */
export const deleteIf: Script = {
  name: "once-delete-if",
  lua: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`,
  local: (store, [key = ""], [old]) => (store.get(key) === old ? store.del([key]) : 0),
};
