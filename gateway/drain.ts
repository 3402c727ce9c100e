import type { Server } from "bun";
import { closes } from "./ws/close-codes.ts";
import type { Hub } from "./ws/hub.ts";
import { paced, shuffled } from "./ws/paced.ts";
import type { Session } from "./ws/session.ts";
import { encodeFor } from "./ws/wire.ts";

/** How far apart clients that are moved come back, at most. */
const reconnectSpreadMs = 5000;

export interface DrainDeps {
  readonly hub: Hub;
  readonly clock: () => number;
  readonly random?: () => number;
}

/** How long requests that are being answered may take at a stop; a call behind one has its own deadline below. */
const requestsMs = 10_000;
const lookMs = 20;

/** For the runtime to let its sockets go, ms: what it keeps beyond it ends with the process. */
const closeMs = 2000;

/** Stops listening, waits for the requests that are being answered, then closes what is left, half-closed sockets
 *  included. Takes at most the 12 s of both bounds. */
export async function stopListening(server: Server<Session>): Promise<void> {
  // Resolves only when the last kept-alive connection is gone, so it is not waited for.
  const closed = server.stop();
  const deadline = performance.now() + requestsMs;
  while (server.pendingRequests > 0 && performance.now() < deadline) await Bun.sleep(lookMs);
  await within(closeMs, Promise.all([server.stop(true), closed]));
}

/** Waits for work that was begun, at most so long. Answers whether it was done in time; rejects as the work does. */
export async function within(waitMs: number, work: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), waitMs);
  try {
    return await Promise.race([work.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
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
    session.send(encodeFor(session.carrier, "server-draining", { reconnectAfterMs }, nowS));
  }
  const { code, reason } = closes.goingAway;
  await paced(sessions, drainMs, signal, (session) => session.close(code, reason));
}
