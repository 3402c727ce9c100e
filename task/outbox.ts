import type { Logger } from "#infra/clog/clog.ts";
import type { Lock } from "#infra/coord/coord.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { delayMs, sleepFor } from "#infra/retry/retry.ts";
import { ERRORS, isAppError } from "#proto/errors.ts";
import type { OutboxRow } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import type { TaskConfig } from "./config.ts";
import type { RepoClients, TaskDeps } from "./deps.ts";
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

export interface Sweeper extends AsyncDisposable {
  /** `degraded` while a round fails because a dependency is away. */
  state(): "ok" | "degraded";
}

const lockName = "/locks/outbox-sweeper";
const lockTtlMs = 15_000;
const callTimeoutMs = 10_000;
/** While a dependency is away: 1 s × 2 … 30 s. */
const pause = {
  backoff: { kind: "exponential", initialMs: 1000, factor: 2, capMs: 30_000 },
  jitter: "proportional",
} as const;

/** Looks at start and then once a second for outbox rows that a crash, or a log that was away, left behind. One leader
 *  by lock; a second one for a moment only pushes twice. Rows are never given up (spec 50 §5). Disposing ends the round
 *  between two parts and gives the lock back. */
export function startSweeper(options: TaskConfig["outbox"], deps: SweeperDeps): Sweeper {
  const { clog, coord } = deps;
  const sleep = deps.sleep ?? sleepFor;
  const round = createRound(options, deps);
  const stop = new AbortController();
  let failures = 0;

  /** How long to wait before the next round. */
  async function look(signal: AbortSignal): Promise<number> {
    try {
      const full = await round(signal);
      if (failures > 0) clog.info("outbox sweep goes on");
      failures = 0;
      return full ? 0 : options.sweepEvery;
    } catch (error) {
      signal.throwIfAborted();
      failures++;
      if (failures === 1) clog.warn("outbox sweep waits for a dependency", { err: error });
      return delayMs(pause, failures, Math.random);
    }
  }

  async function lead(lock: Lock): Promise<void> {
    const signal = AbortSignal.any([stop.signal, lock.lost]);
    clog.debug("sweeping the outbox");
    try {
      while (!signal.aborted) await sleep(await look(signal), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await lock.release();
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await lead(await coord.acquire(lockName, { ttlMs: lockTtlMs, signal: stop.signal }));
      } catch (error) {
        if (stop.signal.aborted) return;
        clog.warn("the sweeper's lock cannot be had", { err: error });
        await sleep(options.sweepEvery, stop.signal).catch(() => undefined);
      }
    }
  }
  const running = run();

  return {
    state: () => (failures > 0 ? "degraded" : "ok"),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the sweeper is closing"));
      await running;
    },
  };
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
