import { startCrew } from "./crew.ts";
import { joinVerdicts } from "./load/verify.ts";
import { settingsFor, spread } from "./loopback.ts";
import { openPeer, openPeerSockets, type PeerResult, peerResult } from "./peer.ts";
import { createProgress } from "./progress.ts";
import { startReference } from "./reference-server.ts";
import { curveOf, latencyOf, median, round, stamp } from "./result.ts";
import { isSaturated, joinRounds, type Round } from "./round.ts";
import { openTarget } from "./target.ts";
import type { WorldOptions } from "./world-options.ts";
import type { WorldResult } from "./world-result.ts";
import { type Sides, type Stage, takeTurns } from "./world-turns.ts";

const handshakesAtOnce = 64;

/** Opens the sockets of GoChat and of the reference, lets them take turns, checks and measures. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const progress = createProgress();
  const side = options.pinned ? "server" : "anywhere";
  progress.say(options.target === "embedded" ? "starting a server" : `finding ${options.target}`);
  const settings = { ...settingsFor(options.conns), ...options.set };
  await using server = await openTarget({ target: options.target, settings, gateways: options.processes, side });
  await using reference = options.reference ? await startReference(side) : undefined;
  const clientSide = options.pinned ? "client" : "anywhere";
  const peer = openPeer(options.peer);
  const fleets = 1 + Number(options.reference) + Number(peer !== undefined);
  await using crew = startCrew(options.conns, { side: clientSide, fleets });
  const stage = { options, server, reference, peer, crew, progress };
  const rss = await openSockets(stage);
  const sides = await takeTurns(stage);
  progress.say("reading the history");
  const url = server.urls[0];
  const verdicts = [await crew.verify({ fleet: "gochat", url, lastSeq: 0 })];
  if (reference !== undefined)
    verdicts.push(await crew.verify({ fleet: "reference", url: undefined, lastSeq: sides.referenceSent }));
  const peers: Record<string, PeerResult> = {};
  if (peer !== undefined) {
    const faults = await crew.verify({ fleet: "peer", url: undefined, lastSeq: sides.peerSent });
    peers[peer.name] = peerResult(sides.peer, faults);
  }
  progress.end();
  return resultOf(stage, sides, { ...joinVerdicts(verdicts), peers }, rss);
}

/** Answers the memory before and after, bytes. */
async function openSockets({ options, server, reference, peer, crew, progress }: Stage) {
  progress.say(`signing ${options.conns} guests in`);
  const [url = ""] = server.urls;
  await crew.people({ url, registered: false });
  const before = server.rssBytes();
  progress.say(`opening ${options.conns} sockets`);
  const open = { joined: options.joined > 1, atOnce: handshakesAtOnce };
  await crew.open({ ...open, fleet: "gochat", dialect: options.encoding, urls: spread(server.urls, options.conns) });
  const after = server.rssBytes();
  await crew.converse({ fleet: "gochat", url, kind: "world", members: 0 });
  if (reference !== undefined) {
    const dialect = options.encoding === "proto" ? "reference-proto" : "reference";
    await crew.open({ ...open, fleet: "reference", dialect, urls: [reference.url] });
    await crew.converse({ fleet: "reference", url: undefined, kind: "world", members: 0 });
  }
  if (peer !== undefined) await openPeerSockets(crew, peer, handshakesAtOnce);
  return { before, after };
}

function perDelivery({ serverCpuUs, deliveries }: Round): number | undefined {
  return serverCpuUs === undefined || deliveries === 0 ? undefined : serverCpuUs / deliveries;
}

function resultOf(
  { options, server }: Stage,
  sides: Sides,
  verdict: ReturnType<typeof joinVerdicts> & Pick<WorldResult, "peers">,
  rss: { before: number | undefined; after: number | undefined },
): WorldResult {
  const gochat = joinRounds(sides.gochat);
  const reference = sides.reference.length === 0 ? undefined : joinRounds(sides.reference);
  const costs = sides.gochat.map(perDelivery).filter((us) => us !== undefined);
  const floors = sides.reference.map(perDelivery).filter((us) => us !== undefined);
  const ratios = costs.flatMap((us, index) => (floors[index] === undefined ? [] : [us / floors[index]]));
  const some = (values: readonly number[], digits: number) =>
    values.length === 0 ? null : round(median(values), digits);
  const { lost, ...faults } = verdict;
  return {
    ...stamp("world", options),
    scenario: "world",
    encoding: options.encoding,
    connections: options.conns,
    seconds: round(gochat.seconds),
    sentPerSecond: round(gochat.sent / gochat.seconds),
    contentBytes: options.size,
    deliveries: gochat.deliveries,
    deliveriesPerSecond: round(gochat.deliveries / gochat.seconds),
    rowsPerFrame: round(gochat.rowsPerFrame),
    referenceRowsPerFrame: reference === undefined ? null : round(reference.rowsPerFrame),
    bytesPerFrame: Math.round(gochat.bytesPerFrame),
    referenceBytesPerFrame: reference === undefined ? null : Math.round(reference.bytesPerFrame),
    serverCpuUsPerDelivery: some(costs, 3),
    referenceCpuUsPerDelivery: some(floors, 3),
    ratioToReference: some(ratios, 3),
    referenceDeliveriesPerSecond: reference === undefined ? null : round(reference.deliveries / reference.seconds),
    referenceLatencyMs: reference === undefined ? null : latencyOf(reference.shown),
    roundsUs: { gochat: costs.map((us) => round(us, 3)), reference: floors.map((us) => round(us, 3)) },
    cpuUsPerDeliveryByProcess: {},
    rpcsPerMessage: server.kind === "up" ? round(sides.rpcCalls / Math.max(1, gochat.sent), 4) : null,
    latencyMs: latencyOf(gochat.shown),
    ackMs: latencyOf(gochat.ack),
    lost,
    ...faults,
    refused: gochat.refused,
    closed: gochat.closed,
    rssBytesPerConnection:
      rss.after === undefined || rss.before === undefined ? null : Math.round((rss.after - rss.before) / options.conns),
    rssBytes: rss.after ?? null,
    slowReaders: sides.slow,
    clientSaturated: isSaturated(gochat),
    clientCpuShare: round(gochat.cpuShare),
    unit: "deliveries",
    points: gochat.points,
    curves: {
      GoChat: curveOf(gochat.shown),
      ...(reference === undefined ? {} : { "bare Bun": curveOf(reference.shown) }),
      ack: curveOf(gochat.ack),
    },
  };
}
