import { WORLD_ID } from "#proto/conversation-ids.ts";

/** Sends of the world a second up to which nothing rests. */
const restAbove = 100;
/** One ms of rest for so many sends a second: 20 ms at 500, two fifths of the time for which gateways gather them then. */
const sendsPerRestMs = 25;
const restMaxMs = 20;
/** The rate is a sum that decays with this time constant: a burst is no rate. */
const decayMs = 1000;

/** A commit costs nearly the same for one message as for ten, and a busy world is shown in frames of many anyway: so its
 *  commits are spread, and what comes meanwhile is the next one (docs/adr/0049). */
export interface WorldPace {
  /** To be asked once for each batch that was committed: how long its partition is to rest, whole ms, 0 … 20. A batch with
   *  sends of other conversations never rests. */
  restMs(sends: readonly { readonly conversationId: string }[]): number;
}

/** `now`: ms of any clock. */
export function createWorldPace(now: () => number): WorldPace {
  let rate = 0;
  let atMs = now();
  return {
    restMs(sends) {
      for (const { conversationId } of sends) if (conversationId !== WORLD_ID) return 0;
      const nowMs = now();
      rate = rate * Math.exp(Math.min(0, atMs - nowMs) / decayMs) + sends.length;
      atMs = nowMs;
      return rate <= restAbove ? 0 : Math.round(Math.min(rate / sendsPerRestMs, restMaxMs));
    },
  };
}
