import type { Metrics } from "../metrics/metrics.ts";

/** The metrics of the log, the same for every driver. Counted per batch, never per record. */
export interface Instruments {
  produced(topic: string, count: number): void;
  dropped(topic: string, reason: DropReason, count: number): void;
  forGroup(topic: string, group: string): GroupInstruments;
}

/** `unread`: no group asked for it; `retention`: too old or the log too large; `overrun`: a group that commits nothing
 *  was too slow; `no_dlq`: dead, on a topic that keeps no dead letters. */
export type DropReason = "unread" | "retention" | "overrun" | "no_dlq";

export interface GroupInstruments {
  consumed(count: number): void;
  dead(count: number): void;
  handled(seconds: number): void;
  lag(records: number): void;
  /** +1 when a partition is paused, -1 when it resumes. */
  paused(by: 1 | -1): void;
  held(by: number): void;
  /** A partition rests because of what it holds. */
  full(): void;
}

const handleBuckets = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createInstruments(metrics: Metrics): Instruments {
  const topicGroup = ["topic", "group"];
  const produced = metrics.counter("gochat_mq_produce_total", "Records that the log took", ["topic"]);
  const dropped = metrics.counter("gochat_mq_dropped_total", "Records dropped before they were read", [
    "topic",
    "reason",
  ]);
  const consumed = metrics.counter("gochat_mq_consume_total", "Records that a group finished", topicGroup);
  const dead = metrics.counter("gochat_mq_dlq_total", "Records that a group could never handle", topicGroup);
  const lag = metrics.gauge("gochat_mq_lag", "Records that a group has not finished", topicGroup);
  const handle = metrics.histogram(
    "gochat_mq_handle_seconds",
    "Time of one batch in its handler",
    topicGroup,
    handleBuckets,
  );
  const paused = metrics.gauge("gochat_partition_paused", "Partitions waiting for a dependency", topicGroup);
  const held = metrics.gauge("gochat_mq_held", "Records that were read and are finished later", topicGroup);
  const full = metrics.counter(
    "gochat_mq_held_full_total",
    "Partitions that rested: they held all they may",
    topicGroup,
  );
  const producedBy = new Map<string, { inc(by?: number): void }>();
  return {
    produced(topic, count) {
      let bound = producedBy.get(topic);
      if (bound === undefined) {
        bound = produced.with({ topic });
        producedBy.set(topic, bound);
      }
      bound.inc(count);
    },
    dropped(topic, reason, count) {
      dropped.inc({ topic, reason }, count);
    },
    forGroup(topic, group) {
      const labels = { topic, group };
      const consumedHere = consumed.with(labels);
      const lagHere = lag.with(labels);
      const handleHere = handle.with(labels);
      const pausedHere = paused.with(labels);
      const heldHere = held.with(labels);
      return {
        held: (by) => heldHere.inc(by),
        full: () => full.inc(labels),
        consumed: (count) => consumedHere.inc(count),
        dead: (count) => dead.inc(labels, count),
        handled: (seconds) => handleHere.observe(seconds),
        lag: (records) => lagHere.set(records),
        paused: (by) => (by === 1 ? pausedHere.inc() : pausedHere.dec()),
      };
    },
  };
}
