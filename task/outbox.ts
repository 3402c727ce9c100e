import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { ERRORS, isAppError } from "#proto/errors.ts";
import type { OutboxRow } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import type { TaskConfig } from "./config.ts";
import type { RepoClients, TaskDeps } from "./deps.ts";
import { type Rounds, startRounds } from "./rounds.ts";
import { partsOf, type Sweep } from "./sweep.ts";

export interface SweeperDeps {
  readonly repo: Pick<RepoClients, "outbox">;
  readonly sweep: Sweep;
  readonly coord: TaskDeps["coord"];
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** Waits between rounds; rejects when the signal aborts. Default: a timer. */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

const callTimeoutMs = 10_000;

/** Looks at start and then once a second for outbox rows that a crash, or a log that was away, left behind. One leader
 *  by lock; a second one for a moment only pushes twice. Rows are never given up (spec 50 §5). Disposing ends the round
 *  between two parts and gives the lock back. */
export function startSweeper(options: TaskConfig["outbox"], deps: SweeperDeps): Rounds {
  const rounds = { what: "outbox sweep", lock: "/locks/outbox-sweeper", everyMs: () => options.sweepEvery };
  return startRounds(rounds, createRound(options, deps), deps);
}

/** One look at the outbox. Resolves to true when there may be more; rejects when a dependency is away. */
function createRound(options: TaskConfig["outbox"], deps: SweeperDeps): (signal: AbortSignal) => Promise<boolean> {
  const { repo, sweep, clog, metrics } = deps;
  const swept = metrics.counter("gochat_outbox_swept_total", "Outbox rows pushed again").with({});
  const stuck = metrics.counter("gochat_outbox_stuck_total", "Tries of outbox rows that cannot be pushed").with({});
  const waiting = metrics.gauge("gochat_outbox_rows", "Outbox rows to be swept, as of the last look").with({});
  const oldest = metrics.gauge("gochat_outbox_oldest_seconds", "Age of the oldest outbox row to be swept").with({});

  /** False: a row of the part cannot be pushed, although nothing is away. */
  async function pushed(part: readonly OutboxRow[], signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    try {
      await sweep.push(part, { signal, timeoutMs: callTimeoutMs });
      swept.inc(part.length);
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (part.length === 1) {
        // It stays, and is tried again in every round; the others do not wait for it.
        stuck.inc(1);
        clog.error("an outbox row cannot be pushed", { outbox_id: part[0]?.outboxId, err: error });
      }
      return false;
    }
  }

  return async (signal) => {
    const request = { olderThanMs: BigInt(options.sweepAfter), limit: options.sweepRows };
    const { rows } = await repo.outbox.listOutbox(request, { signal, timeoutMs: callTimeoutMs });
    waiting.set(rows.length);
    oldest.set(rows.reduce((most, row) => Math.max(most, Number(row.ageMs)), 0) / 1000);
    let progress = false;
    for (const part of partsOf(rows)) {
      if (await pushed(part, signal)) progress = true;
      else if (part.length > 1) {
        for (const row of part) if (await pushed([row], signal)) progress = true;
      }
    }
    if (rows.length > 0) clog.info("outbox swept", { rows: rows.length });
    return progress && rows.length >= options.sweepRows;
  };
}

/** A decision about this very request, as opposed to a dependency that is away. */
function isRefusal(error: unknown): boolean {
  return isAppError(error) && ERRORS[error.code].http < 500 && ERRORS[error.code].retry !== "same";
}
