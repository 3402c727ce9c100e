import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";

export interface OutboxDeletesOptions {
  /** Ids in one call. */
  readonly idsMax: number;
  /** Ids that may wait; beyond it they are dropped, and the sweeper deletes their rows after it has pushed again. */
  readonly waitingMax: number;
}

export interface OutboxDeletesDeps {
  /** Deletes outbox rows by id, at most `idsMax` in a call. */
  deleteOutbox(outboxIds: string[]): Promise<unknown>;
  readonly clog: Logger;
  readonly metrics: Metrics;
}

export interface OutboxDeletes {
  /** Hands over what nothing is owed for any more. Never waits, never throws. */
  add(outboxIds: readonly string[]): void;
  /** Resolves when all ids handed over before are dealt with. */
  drain(): Promise<void>;
}

/** Joins the deletes of outbox rows: one call in flight, what comes meanwhile goes with the next. A delete that is lost
 *  only makes the sweeper push again what is stored (spec 50 §5), so a failed call is not repeated. */
export function createOutboxDeletes(options: OutboxDeletesOptions, deps: OutboxDeletesDeps): OutboxDeletes {
  let waiting: string[] = [];
  let running: Promise<void> | undefined;
  const lost = deps.metrics.counter("gochat_outbox_deletes_lost_total", "Outbox rows left to the sweeper").with({});

  async function run(): Promise<void> {
    // A failure empties the waiting list's next part only; the loop ends when nothing waits.
    while (waiting.length > 0) {
      const ids = waiting.splice(0, options.idsMax);
      try {
        await deps.deleteOutbox(ids);
      } catch (error) {
        lost.inc(ids.length);
        deps.clog.warn("outbox rows are left to the sweeper", { rows: ids.length, err: error });
      }
    }
    running = undefined;
  }

  return {
    add(outboxIds) {
      if (outboxIds.length === 0) return;
      if (waiting.length + outboxIds.length > options.waitingMax) {
        lost.inc(outboxIds.length);
        return;
      }
      waiting = waiting.concat(outboxIds);
      running ??= run();
    },
    async drain() {
      await running;
    },
  };
}
