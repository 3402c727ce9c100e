import type { Logger } from "#infra/clog/clog.ts";
import type { Coord, Lock } from "#infra/coord/coord.ts";
import { delayMs, sleepFor } from "#infra/retry/retry.ts";

export interface RoundsOptions {
  /** In log lines. */
  readonly what: string;
  /** One process of all that have the same name does the rounds; a second one for a moment must do no harm. */
  readonly lock: string;
  /** Between two rounds, ms; asked before each wait. */
  everyMs(): number;
}

export interface RoundsDeps {
  readonly coord: Pick<Coord, "acquire">;
  readonly clog: Logger;
  /** Waits between rounds; rejects when the signal aborts. Default: a timer. */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

export interface Rounds extends AsyncDisposable {
  /** `degraded` while a round fails because a dependency is away. */
  state(): "ok" | "degraded";
}

const lockTtlMs = 15_000;
/** While a dependency is away: 1 s × 2 … 30 s. */
const pause = {
  backoff: { kind: "exponential", initialMs: 1000, factor: 2, capMs: 30_000 },
  jitter: "proportional",
} as const;

/** Runs `round` again and again while this process holds the lock, the first time at once. A round that answers true is
 *  followed by the next without a wait; one that rejects, by a longer one. Disposing waits for the round that runs, which
 *  its signal ends, and gives the lock back. */
export function startRounds(
  options: RoundsOptions,
  round: (signal: AbortSignal) => Promise<boolean>,
  deps: RoundsDeps,
): Rounds {
  const { what, lock: lockName } = options;
  const { clog, coord } = deps;
  const sleep = deps.sleep ?? sleepFor;
  const stop = new AbortController();
  let failures = 0;

  /** How long to wait before the next round. */
  async function look(signal: AbortSignal): Promise<number> {
    try {
      const more = await round(signal);
      if (failures > 0) clog.info(`${what} goes on`);
      failures = 0;
      return more ? 0 : options.everyMs();
    } catch (error) {
      signal.throwIfAborted();
      failures++;
      if (failures === 1) clog.warn(`${what} waits for a dependency`, { err: error });
      return delayMs(pause, failures, Math.random);
    }
  }

  async function lead(lock: Lock): Promise<void> {
    const signal = AbortSignal.any([stop.signal, lock.lost]);
    clog.debug(`${what} begins`);
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
        clog.warn(`the lock of ${what} cannot be had`, { err: error });
        await sleep(options.everyMs(), stop.signal).catch(() => undefined);
      }
    }
  }
  const running = run();

  return {
    state: () => (failures > 0 ? "degraded" : "ok"),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error(`${what} is closing`));
      await running;
    },
  };
}
