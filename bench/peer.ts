import type { Crew } from "./crew.ts";
import type { CentrifugoPlace } from "./load/dialect-centrifugo.ts";
import type { Verdict } from "./load/verify.ts";
import { BenchUsageError } from "./options.ts";
import { type LatencyMs, latencyOf, median, round } from "./result.ts";
import { joinRounds, type Meter, type Round } from "./round.ts";
import { urlTarget } from "./target.ts";

/** Another system that runs already and takes turns with GoChat. */
export interface Peer {
  readonly name: "centrifugo";
  readonly place: CentrifugoPlace;
  /** Its process is seen when it listens on this machine. */
  readonly meter: Meter;
}

/** What a peer did in the same minutes. */
export interface PeerResult {
  readonly deliveriesPerSecond: number;
  readonly serverCpuUsPerDelivery: number | null;
  readonly roundsUs: readonly number[];
  readonly rowsPerFrame: number;
  readonly latencyMs: LatencyMs;
  readonly lost: number;
  readonly refused: number;
  readonly closed: number;
}

/** `centrifugo=http://host:port`; its API key in CENTRIFUGO_API_KEY, a connection token in CENTRIFUGO_TOKEN where it asks for one. */
export function parsePeer(
  text: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): CentrifugoPlace | undefined {
  if (text === undefined) return undefined;
  const [name, address = ""] = text.split(/=(.*)/s);
  const url = URL.parse(address);
  if (name !== "centrifugo" || url === null || !/^https?:$/.test(url.protocol))
    throw new BenchUsageError(`--peer is centrifugo=http://host:port, not "${text}".`);
  return { url: url.origin, apiKey: env.CENTRIFUGO_API_KEY ?? "", token: env.CENTRIFUGO_TOKEN };
}

export function openPeer(place: CentrifugoPlace | undefined): Peer | undefined {
  return place === undefined ? undefined : { name: "centrifugo", place, meter: urlTarget(place.url) };
}

/** Opens its sockets and subscribes them. */
export async function openPeerSockets(crew: Crew, { place }: Peer, atOnce: number): Promise<void> {
  await crew.open({ fleet: "peer", dialect: "centrifugo", peer: place, joined: false, urls: [place.url], atOnce });
  await crew.converse({ fleet: "peer", url: undefined, kind: "world", members: 0 });
}

export function peerResult(rounds: readonly Round[], { lost }: Pick<Verdict, "lost">): PeerResult {
  const all = joinRounds(rounds);
  const costs = rounds.flatMap(({ serverCpuUs, deliveries }) =>
    serverCpuUs === undefined || deliveries === 0 ? [] : [round(serverCpuUs / deliveries, 3)],
  );
  return {
    deliveriesPerSecond: round(all.deliveries / all.seconds),
    serverCpuUsPerDelivery: costs.length === 0 ? null : round(median(costs), 3),
    roundsUs: costs,
    rowsPerFrame: round(all.rowsPerFrame),
    latencyMs: latencyOf(all.shown),
    lost,
    refused: all.refused,
    closed: all.closed,
  };
}
