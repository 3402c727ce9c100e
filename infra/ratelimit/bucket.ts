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

/** Takes `count` tokens, or none and false. A clock that goes back adds nothing. */
export function takeFrom(bucket: Bucket, count: number, nowMs: number): boolean {
  if (nowMs > bucket.atMs) {
    bucket.tokens = Math.min(bucket.capacity, bucket.tokens + ((nowMs - bucket.atMs) * bucket.ratePerSecond) / 1000);
  }
  // Also when it went back: else the time until the old reading would never count.
  bucket.atMs = nowMs;
  if (bucket.tokens < count) return false;
  bucket.tokens -= count;
  return true;
}

/** Milliseconds until `count` tokens are there: 0 when they are, Infinity when they never fit. */
export function waitFor(bucket: Bucket, count: number): number {
  if (count > bucket.capacity) return Number.POSITIVE_INFINITY;
  if (bucket.tokens >= count) return 0;
  return Math.ceil(((count - bucket.tokens) * 1000) / bucket.ratePerSecond);
}
