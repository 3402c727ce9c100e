import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";

export interface OutboxDeletesOptions {
  /** Ids in one call. */
  readonly idsMax: number;
  /** Ids that may wait; beyond it they are dropped, and the sweeper deletes their rows after it has pushed again. */
  readonly waitingMax: number;
  /** How long a delete waits for a commit to ride with, ms. */
  readonly restMs: number;
}

export interface OutboxDeletesDeps {
  /** Deletes outbox rows by id, at most `idsMax` in a call. */
  deleteOutbox(outboxIds: string[]): Promise<unknown>;
  readonly clog: Logger;
  readonly metrics: Metrics;
}

export interface OutboxDeletes {
  /** Hands over what nothing is owed for any more, or what `take` gave and its commit did not delete. Never waits, never
   *  throws. */
  add(outboxIds: readonly string[]): void;
  /** What a commit that is about to be sent is to delete, at most `idsMax`: the database then has one transaction, and one
   *  sync, for both. */
  take(): string[];
  /** Resolves when all ids handed over before are dealt with. */
  drain(): Promise<void>;
}

/** Joins the deletes of outbox rows: they go with the next commit, or in a call of their own after `restMs` to twice that
 *  without one. No message waits for it. A delete that is lost only makes the sweeper push again what is stored (spec 50
 *  §5), so a failed call is not repeated. */
export function createOutboxDeletes(options: OutboxDeletesOptions, deps: OutboxDeletesDeps): OutboxDeletes {
  const waiting: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  /** Since the timer was set, a commit took what waited: there is traffic, and the next one will. */
  let taken = false;
  const lost = deps.metrics.counter("gochat_outbox_deletes_lost_total", "Outbox rows left to the sweeper").with({});

  async function run(): Promise<void> {
    const ids = waiting.splice(0, options.idsMax);
    try {
      await deps.deleteOutbox(ids);
    } catch (error) {
      lost.inc(ids.length);
      deps.clog.warn("outbox rows are left to the sweeper", { rows: ids.length, err: error });
    }
    running = undefined;
    rest();
  }

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length > 0) running ??= run();
  }

  // One timer for many commits: to set and clear one for each would cost more than the delete.
  function due(): void {
    timer = undefined;
    if (taken) rest();
    else start();
  }

  /** What waits goes with the next commit, or when it has waited long enough, or when it fills a call. */
  function rest(): void {
    if (waiting.length >= options.idsMax) start();
    else if (waiting.length > 0 && running === undefined && timer === undefined) {
      taken = false;
      timer = setTimeout(due, options.restMs);
    }
  }

  return {
    add(outboxIds) {
      if (waiting.length + outboxIds.length > options.waitingMax) {
        lost.inc(outboxIds.length);
        return;
      }
      for (const id of outboxIds) waiting.push(id);
      rest();
    },
    take() {
      taken = true;
      return waiting.splice(0, options.idsMax);
    },
    async drain() {
      while (waiting.length > 0 || running !== undefined) {
        start();
        await running;
      }
      clearTimeout(timer);
    },
  };
}
