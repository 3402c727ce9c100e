import { encodeServerFrame } from "#proto/frames.ts";
import { closes } from "./ws/close-codes.ts";
import type { Hub } from "./ws/hub.ts";
import { paced, shuffled } from "./ws/paced.ts";

/** How far apart clients that are moved come back, at most. */
const reconnectSpreadMs = 5000;

export interface DrainDeps {
  readonly hub: Hub;
  readonly clock: () => number;
  readonly random?: () => number;
}

/** Moves all clients away (spec 20 §10): tells each when to come back, then closes them with 1001, spread over `drainMs`
 *  in random order. Ends early when the signal aborts; the rest is closed with the server. */
export async function moveClients(drainMs: number, deps: DrainDeps, signal: AbortSignal): Promise<void> {
  const random = deps.random ?? Math.random;
  const sessions = shuffled(deps.hub.all(), random);
  const nowS = Math.floor(deps.clock() / 1000);
  for (const session of sessions) {
    if (session.state !== "open") continue;
    const reconnectAfterMs = Math.floor(random() * reconnectSpreadMs);
    session.send(encodeServerFrame("server-draining", { reconnectAfterMs }, nowS));
  }
  const { code, reason } = closes.goingAway;
  await paced(sessions, drainMs, signal, (session) => session.close(code, reason));
}
