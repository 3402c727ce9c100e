import type { BoundCounter, Metrics } from "../metrics/metrics.ts";

export interface CacheCounts {
  read(key: string, hit: boolean): void;
  evicted(key: string): void;
}

/** `gochat_cache_operations_total` and `gochat_cache_hit_ratio` (spec 60 §7). */
export function cacheCounts(metrics: Metrics | undefined): CacheCounts {
  if (metrics === undefined) return { read() {}, evicted() {} };
  const operations = metrics.counter("gochat_cache_operations_total", "Reads that hit or missed, and evictions.", [
    "operation",
    "key_class",
  ]);
  const byClass = new Map<string, { hit: BoundCounter; miss: BoundCounter; evict: BoundCounter }>();
  let hits = 0;
  let reads = 0;
  metrics
    .gauge("gochat_cache_hit_ratio", "Share of the reads that hit, since the start.")
    .watch(() => (reads === 0 ? 1 : hits / reads));
  const of = (key: string) => {
    const key_class = keyClass(key);
    const old = byClass.get(key_class);
    if (old !== undefined) return old;
    const bound = {
      hit: operations.with({ operation: "hit", key_class }),
      miss: operations.with({ operation: "miss", key_class }),
      evict: operations.with({ operation: "evict", key_class }),
    };
    if (byClass.size < classesMax) byClass.set(key_class, bound);
    return bound;
  };
  return {
    read(key, hit) {
      reads += 1;
      if (hit) hits += 1;
      const bound = of(key);
      (hit ? bound.hit : bound.miss).inc();
    },
    evicted: (key) => of(key).evict.inc(),
  };
}

/** Classes kept at hand; the metric has its own bound. */
const classesMax = 500;

/** `user:info:{id}` → `user:info`, `presence:{id}` → `presence`. */
export function keyClass(key: string): string {
  const first = key.indexOf(":");
  if (first < 0) return key;
  const second = key.indexOf(":", first + 1);
  return key.slice(0, second < 0 ? first : second);
}
