import type { Logger } from "../clog/clog.ts";
import { type Coord, type NumberLease, workerPool } from "../coord/coord.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { sleepFor } from "../retry/retry.ts";
import { createIds, type Ids, workerMax } from "../uid/uid.ts";

/** The worker number of a process and the ids made with it. */
export interface Worker extends AsyncDisposable {
  /** The first number; a gateway is named after it, and ends when it is lost. */
  readonly lease: NumberLease;
  /** Made with the present number. */
  readonly ids: Ids;
}

/** After a number was lost a new one is asked for this often, ms. */
const askAgainMs = 1000;

/** Claims a number. When another process has taken it (a pause longer than its lease) a new one is claimed; until then no
 *  ids are made, because every id looks at its lease. */
export async function claimWorker(coord: Coord, deps: { clog: Logger; metrics: Metrics }): Promise<Worker> {
  const { clog, metrics } = deps;
  const closing = new AbortController();
  const claim = (): Promise<NumberLease> => coord.claimNumber(workerPool, { min: 1, max: workerMax });
  const lease = await claim();
  let held = lease;
  let ids = createIds({ worker: held, metrics });

  const claimAnew = async (): Promise<void> => {
    const lost = held.number;
    clog.warn("the worker number was lost; claiming another", { worker: lost });
    while (!closing.signal.aborted) {
      try {
        held = await claim();
        ids = createIds({ worker: held, metrics });
        follow(held);
        clog.info("worker number claimed", { worker: held.number });
        return;
      } catch (error) {
        clog.warn("no worker number yet", { err: error });
        // Ends early when the process does.
        await sleepFor(askAgainMs, closing.signal).catch(() => undefined);
      }
    }
  };
  const follow = (one: NumberLease): void => {
    // `claimAnew` never rejects.
    one.lost.addEventListener("abort", () => void claimAnew(), { once: true });
  };
  follow(held);
  return {
    lease,
    ids: {
      snowflake: () => ids.snowflake(),
      get worker() {
        return ids.worker;
      },
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await held.release();
    },
  };
}
