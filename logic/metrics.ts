import type { BoundCounter, BoundHistogram, Metrics } from "#infra/metrics/metrics.ts";

/** Where a send came in: a record of `upstream`, or a call. */
export type Entrance = "ws" | "api";

/** Counters of one entrance, bound once so that counting a message costs one addition. */
export interface SendMetrics {
  stored(messageType: number): void;
  readonly duplicates: BoundCounter;
  rejected(code: string): void;
  readonly commitSeconds: BoundHistogram;
  readonly batchMessages: BoundHistogram;
  readonly batchBytes: BoundHistogram;
}

const bytesBuckets = [256, 1024, 4096, 16_384, 65_536, 262_144, 524_288] as const;
const batchBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500] as const;

export function createSendMetrics(metrics: Metrics, entrance: Entrance): SendMetrics {
  const sent = metrics.counter("gochat_message_send_total", "Messages stored", ["type"]);
  const failures = metrics.counter("gochat_message_send_failures_total", "Sends refused before the commit", ["reason"]);
  const duplicates = metrics.counter("gochat_message_duplicates_total", "Repeats of stored messages", ["entrance"]);
  const commit = metrics.histogram("gochat_message_commit_seconds", "Duration of CommitMessages", ["entrance"]);
  const batch = metrics.histogram(
    "gochat_commit_batch_messages",
    "Messages in one CommitMessages",
    ["entrance"],
    batchBuckets,
  );
  const bytes = metrics.histogram(
    "gochat_commit_batch_bytes",
    "Bytes of content in one CommitMessages",
    ["entrance"],
    bytesBuckets,
  );
  const byType: BoundCounter[] = [];
  return {
    stored(messageType) {
      byType[messageType] ??= sent.with({ type: String(messageType) });
      byType[messageType]?.inc();
    },
    duplicates: duplicates.with({ entrance }),
    rejected: (code) => failures.with({ reason: code }).inc(),
    commitSeconds: commit.with({ entrance }),
    batchMessages: batch.with({ entrance }),
    batchBytes: bytes.with({ entrance }),
  };
}
