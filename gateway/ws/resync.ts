import type { Logger } from "#infra/clog/clog.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { paced, shuffled } from "./paced.ts";
import type { Session } from "./session.ts";
import { type Carrier, sharedFrame, type Wire } from "./wire.ts";

/** Tells sessions that pushes may be missing. */
export interface ResyncSender {
  /** At once; for a few sessions. */
  now(session: Session, reason: string): void;
  /** Spread over `ws.resync_spread` in random order. No conversations: all of the session's. */
  spread(sessions: Iterable<Session>, conversationIds: readonly string[], reason: string): void;
  /** Ends what is under way. */
  stop(): void;
}

/** Runs that may be under way at the same time; a further one waits for none and is told to all at once instead. */
const runsMax = 8;

export function createResyncSender(
  options: { readonly spreadMs: number },
  { clog, metrics, clock }: { readonly clog: Logger; readonly metrics: GatewayMetrics; readonly clock: () => number },
): ResyncSender {
  const stopping = new AbortController();
  let runs = 0;

  function frame(conversationIds: readonly string[]): (carrier: Carrier) => Wire {
    const data = conversationIds.length === 0 ? {} : { conversationIds: [...conversationIds] };
    return sharedFrame("resync", data, Math.floor(clock() / 1000));
  }

  return {
    now(session, reason) {
      if (session.send(frame([])(session.carrier))) metrics.resyncs.inc({ reason });
    },
    spread(sessions, conversationIds, reason) {
      const wire = frame(conversationIds);
      const spreadMs = runs < runsMax ? options.spreadMs : 0;
      runs += 1;
      paced(shuffled(sessions), spreadMs, stopping.signal, (session) => {
        if (session.state === "open" && session.send(wire(session.carrier))) metrics.resyncs.inc({ reason });
      })
        .catch((error: unknown) => clog.error("resync was not told to all", { err: error }))
        .finally(() => {
          runs -= 1;
        });
    },
    stop: () => stopping.abort(),
  };
}
