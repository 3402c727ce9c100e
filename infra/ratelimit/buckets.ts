import { type Bucket, createBucket, refill } from "./bucket.ts";
import type { Rule } from "./rules.ts";

/** The buckets of one rule by resource, in this process. */
export interface Buckets {
  /** The resource's bucket, made full where there is none. Past `bucketsMax` the fullest of a few old ones goes: nothing is lost when it is full. */
  of(resource: string, nowMs: number): Bucket;
  /** Buckets of the new rule with the tokens of the old ones. */
  reshaped(rule: Rule, nowMs: number): Buckets;
  readonly size: number;
}

const lookedAt = 8;

export function createBuckets(rule: Rule, bucketsMax: number, from: Map<string, Bucket> = new Map()): Buckets {
  const all = from;
  const makeRoom = (nowMs: number): void => {
    let victim: string | undefined;
    let most = -1;
    let looked = 0;
    for (const [resource, bucket] of all) {
      refill(bucket, nowMs);
      if (bucket.tokens > most) {
        victim = resource;
        most = bucket.tokens;
      }
      looked += 1;
      if (looked === lookedAt || bucket.tokens === bucket.capacity) break;
    }
    if (victim !== undefined) all.delete(victim);
  };
  return {
    of(resource, nowMs) {
      const old = all.get(resource);
      if (old !== undefined) return old;
      if (all.size >= bucketsMax) makeRoom(nowMs);
      const bucket = createBucket(rule, nowMs);
      all.set(resource, bucket);
      return bucket;
    },
    reshaped(next, nowMs) {
      const moved = new Map<string, Bucket>();
      for (const [resource, bucket] of all) {
        refill(bucket, nowMs);
        moved.set(resource, { ...createBucket(next, nowMs), tokens: Math.min(bucket.tokens, next.capacity) });
      }
      return createBuckets(next, bucketsMax, moved);
    },
    get size() {
      return all.size;
    },
  };
}
