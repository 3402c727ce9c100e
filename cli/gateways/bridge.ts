import type { Peer } from "#infra/bridge/peer.ts";
import { serveCache } from "#infra/cache/bridge-host.ts";
import { serveCoord } from "#infra/coord/bridge-host.ts";
import type { Host } from "#infra/host/host.ts";
import { serveMq } from "#infra/mq/bridge-host.ts";
import type { Mq, Topic } from "#infra/mq/mq.ts";
import { takeTokens } from "#infra/ratelimit/script.ts";
import { topicNamed } from "#proto/topics.ts";

/** Lets a gateway process use the embedded log, cache and centre of this one. */
export function serveBackends(peer: Peer, { coord, cache }: Pick<Host, "coord" | "cache">, mq: Mq): void {
  serveMq(peer, mq, topicOf);
  serveCoord(peer, coord);
  serveCache(peer, cache, (name) => (name === takeTokens.name ? takeTokens : undefined));
}

function topicOf(name: string): Topic<unknown> {
  const topic = topicNamed(name);
  if (topic === undefined) throw new Error(`the program has no topic ${name}`);
  // Values of a topic are what its own codec decoded.
  return topic as unknown as Topic<unknown>;
}
