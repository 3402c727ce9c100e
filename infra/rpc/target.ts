import { Code, ConnectError } from "@connectrpc/connect";
import { abortError } from "./rpc.ts";

/** Keep-alive connections to one target. HTTP/1.1: a connection carries one call at a time. */
export const CONNECTIONS_PER_TARGET_MAX = 64;
/** Calls under way to one target, those that wait for a connection included; past it a call is `resource_exhausted`. */
export const CALLS_PER_TARGET_MAX = 1000;

/** How a call to a target ended: `answered` by whatever; `refused` before anything was sent; `lost` with the outcome open (broken connection, deadline). */
export type Ending = "answered" | "refused" | "lost" | "left";

/** A place on a connection to `url`. The first call of `done` gives it back. */
export interface Lease {
  /** `http://host:port`, without a slash at its end. */
  readonly url: string;
  done(ending: Ending): void;
}

/** Where the calls of a client go. */
export interface Targets {
  /** The best target's next free connection. Rejects when `signal` aborts first, `resource_exhausted` past the bound, `unavailable` when there is no target. */
  take(signal?: AbortSignal): Lease | Promise<Lease>;
  /** How many there are to choose from. */
  count(): number;
}

/** One server process: its connections, and what the last calls said about its health. */
export interface Target {
  readonly url: string;
  /** Calls under way and waiting. */
  readonly calls: number;
  /** Monotonic ms until which it is avoided; 0: it is well. */
  readonly failingUntilMs: number;
  take(signal?: AbortSignal): Lease | Promise<Lease>;
}

export interface TargetOptions {
  readonly connectionsMax?: number;
  readonly callsMax?: number;
  /** Monotonic ms. */
  readonly clock?: () => number;
}

/** First time out of the choice after a failure, doubled with every further one. */
const failingMsMin = 500;
const failingMsMax = 30_000;

export function createTarget(url: string, options: TargetOptions = {}): Target {
  const { connectionsMax = CONNECTIONS_PER_TARGET_MAX, callsMax = CALLS_PER_TARGET_MAX } = options;
  const clock = options.clock ?? ((): number => performance.now());
  /** In order of arrival; at most `callsMax`. */
  const waiting = new Set<() => void>();
  let running = 0;
  let failures = 0;
  let failingUntilMs = 0;

  const finish = (ending: Ending): void => {
    if (ending === "answered") {
      failures = 0;
      failingUntilMs = 0;
    } else if (ending !== "left") {
      failures += 1;
      failingUntilMs = clock() + Math.min(failingMsMax, failingMsMin * 2 ** (failures - 1));
    }
    const [next] = waiting;
    if (next === undefined) running -= 1;
    else {
      // The connection passes straight on, so that a newcomer cannot overtake.
      waiting.delete(next);
      next();
    }
  };
  const lease = (): Lease => {
    let over = false;
    const done = (ending: Ending): void => {
      if (over) return;
      over = true;
      finish(ending);
    };
    return { url, done };
  };

  return {
    url,
    get calls() {
      return running + waiting.size;
    },
    get failingUntilMs() {
      return failingUntilMs;
    },
    take(signal) {
      if (running < connectionsMax) {
        running += 1;
        return lease();
      }
      if (running + waiting.size >= callsMax)
        throw new ConnectError(`${callsMax} calls to ${url} are under way`, Code.ResourceExhausted);
      return new Promise((resolve, reject) => {
        const start = (): void => {
          signal?.removeEventListener("abort", stop);
          resolve(lease());
        };
        const stop = (): void => {
          waiting.delete(start);
          reject(abortError(signal));
        };
        waiting.add(start);
        signal?.addEventListener("abort", stop, { once: true });
      });
    },
  };
}

/** A server at an address that is known. */
export function fixedTarget(baseUrl: string, options?: TargetOptions): Targets {
  const target = createTarget(baseUrl.replace(/\/$/, ""), options);
  return { take: (signal) => target.take(signal), count: () => 1 };
}
