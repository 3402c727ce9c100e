import type { Script } from "../cache/cache.ts";
import { type Bucket, createBucket, takeFrom, waitFor } from "./bucket.ts";

/** Takes ARGV[3] tokens from the bucket KEYS[1] of rate ARGV[1] per second and capacity ARGV[2]. Answers {1 or 0, whole tokens left, ms to wait or −1 when they never fit}.
 *  The store's clock counts, so processes need no common time. The key lives twice as long as a refill takes (spec 40 §5). */
export const takeTokens: Script = {
  name: "ratelimit-take",
  lua: `local rate, capacity, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(held[1] or capacity), tonumber(held[2] or now)
if now > at then tokens = tokens + (now - at) * rate / 1000 end
tokens = math.min(capacity, tokens)
local allowed = 0
if tokens >= count then
  tokens = tokens - count
  allowed = 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(1000, math.ceil(2000 * capacity / rate))))
local wait = 0
if allowed == 0 then
  wait = -1
  if count <= capacity then
    wait = math.ceil((count - tokens) * 1000 / rate)
    if tokens + wait * rate / 1000 < count then wait = wait + 1 end
  end
end
return {allowed, math.floor(tokens), wait}`,
  local(store, [key = ""], [rateText, capacityText, countText]) {
    const [ratePerSecond, capacity, count] = [Number(rateText), Number(capacityText), Number(countText)];
    const nowMs = store.nowMs();
    const bucket: Bucket = createBucket({ ratePerSecond, capacity }, nowMs);
    bucket.tokens = Math.min(capacity, Number(store.hget(key, "tokens") ?? capacity));
    bucket.atMs = Number(store.hget(key, "at") ?? nowMs);
    const allowed = takeFrom(bucket, count, nowMs);
    const ttlMs = Math.max(1000, Math.ceil((2000 * capacity) / ratePerSecond));
    store.hset(key, { tokens: String(bucket.tokens), at: String(bucket.atMs) }, { ttlMs });
    const waitMs = allowed ? 0 : waitFor(bucket, count);
    return [allowed ? 1 : 0, Math.floor(bucket.tokens), waitMs === Number.POSITIVE_INFINITY ? -1 : waitMs];
  },
};
