import { createBucket, refill } from "#infra/ratelimit/bucket.ts";
import { WORLD_ID } from "#proto/conversation-ids.ts";

/** Commits of the world's sends a second beyond which a partition rests after one, and how many of them may be saved up. */
export const worldCommits = { perSecond: 100, saved: 8 } as const;

/** A commit costs the same for one message as for ten, and above a few messages a second each waits for the gateway's flush
 *  anyway: so in a busy world the commits are spread, and what comes meanwhile is the next one. Below the rate nothing
 *  waits. */
export interface WorldPace {
  /** To be asked after a batch was committed: how long its partition is to rest, ms, 0 … 1000 / `perSecond`. A batch with
   *  sends of other conversations never rests. */
  restMs(sends: Iterable<{ readonly conversationId: string }>): number;
}

/** `now`: ms of any clock. */
export function createWorldPace(
  options: { readonly perSecond: number; readonly saved: number },
  now: () => number,
): WorldPace {
  const { perSecond, saved } = options;
  const bucket = createBucket({ ratePerSecond: perSecond, capacity: saved }, now());
  return {
    restMs(sends) {
      for (const { conversationId } of sends) if (conversationId !== WORLD_ID) return 0;
      refill(bucket, now());
      // Of several gateways' records in one partition only one batch is under way, so the debt is one at most.
      bucket.tokens = Math.max(bucket.tokens, 0) - 1;
      return Math.round((Math.max(0, -bucket.tokens) * 1000) / perSecond);
    },
  };
}
