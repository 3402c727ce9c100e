/** A token bucket as a plain object, to be embedded in a session: no map, no timer. */
export interface Bucket {
  /** May be fractional. */
  tokens: number;
  /** When `tokens` was true; ms of the caller's clock. */
  atMs: number;
  readonly ratePerSecond: number;
  readonly capacity: number;
}

/** Full at the start. */
export function createBucket(
  rule: { readonly ratePerSecond: number; readonly capacity: number },
  nowMs: number,
): Bucket {
  return { tokens: rule.capacity, atMs: nowMs, ratePerSecond: rule.ratePerSecond, capacity: rule.capacity };
}

/** Adds what flowed in since. A clock that goes back adds nothing, and counts from where it is then. */
export function refill(bucket: Bucket, nowMs: number): void {
  if (nowMs > bucket.atMs)
    bucket.tokens = Math.min(bucket.capacity, bucket.tokens + ((nowMs - bucket.atMs) * bucket.ratePerSecond) / 1000);
  bucket.atMs = nowMs;
}

/** Takes `count` tokens, or none and false. */
export function takeFrom(bucket: Bucket, count: number, nowMs: number): boolean {
  refill(bucket, nowMs);
  if (bucket.tokens < count) return false;
  bucket.tokens -= count;
  return true;
}

/** Milliseconds until `count` tokens are there: 0 when they are, Infinity when they never fit. */
export function waitFor(bucket: Bucket, count: number): number {
  if (count > bucket.capacity) return Number.POSITIVE_INFINITY;
  if (bucket.tokens >= count) return 0;
  const waitMs = Math.ceil(((count - bucket.tokens) * 1000) / bucket.ratePerSecond);
  // Rounding may leave it a hair short.
  return bucket.tokens + (waitMs * bucket.ratePerSecond) / 1000 < count ? waitMs + 1 : waitMs;
}
