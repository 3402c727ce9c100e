import { type Crew, startCrew } from "./crew.ts";
import type { DrivePlan } from "./load/drive.ts";
import { joinVerdicts } from "./load/verify.ts";
import { createProgress, type Progress } from "./progress.ts";
import { type ReferenceServer, startReference } from "./reference-server.ts";
import { curveOf, latencyOf, median, round, stamp } from "./result.ts";
import { driveRound, isSaturated, joinRounds, type Round } from "./round.ts";
import { driveSlowReaders } from "./slow-readers.ts";
import { openTarget, type Target } from "./target.ts";
import type { WorldOptions } from "./world-options.ts";
import type { SlowReaders, WorldResult } from "./world-result.ts";

const handshakesAtOnce = 64;

interface Stage {
  readonly options: WorldOptions;
  readonly server: Target;
  readonly reference: ReferenceServer | undefined;
  readonly crew: Crew;
  readonly progress: Progress;
}

interface Sides {
  readonly gochat: Round[];
  readonly reference: Round[];
  /** Sent to the reference with the warm-up, which is the newest seq there. */
  referenceSent: number;
  rpcCalls: number;
  slow: SlowReaders | null;
}

/** Opens the sockets of GoChat and of the reference, lets them take turns, checks and measures. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const progress = createProgress();
  const side = options.pinned ? "server" : "anywhere";
  progress.say(options.target === "embedded" ? "starting a server" : `finding ${options.target}`);
  const settings = { "ws.max_connections": String(options.conns + 100), ...options.set };
  await using server = await openTarget({ target: options.target, settings, gateways: options.processes, side });
  await using reference = options.reference ? await startReference(side) : undefined;
  const clientSide = options.pinned ? "client" : "anywhere";
  await using crew = startCrew(options.conns, { side: clientSide, fleets: options.reference ? 2 : 1 });
  const stage = { options, server, reference, crew, progress };
  const rss = await openSockets(stage);
  const sides = await takeTurns(stage);
  progress.say("reading the history");
  const url = server.urls[0];
  const verdicts = [await crew.verify({ fleet: "gochat", url, lastSeq: 0 })];
  if (reference !== undefined)
    verdicts.push(await crew.verify({ fleet: "reference", url: undefined, lastSeq: sides.referenceSent }));
  progress.end();
  return resultOf(stage, sides, joinVerdicts(verdicts), rss);
}

/** Answers the memory before and after, bytes. */
async function openSockets({ options, server, reference, crew, progress }: Stage) {
  progress.say(`signing ${options.conns} guests in`);
  const [url = ""] = server.urls;
  await crew.people({ url, registered: false });
  const before = server.rssBytes();
  progress.say(`opening ${options.conns} sockets`);
  const open = { joined: options.joined > 1, atOnce: handshakesAtOnce };
  await crew.open({ ...open, fleet: "gochat", dialect: options.encoding, urls: server.urls });
  const after = server.rssBytes();
  await crew.converse({ fleet: "gochat", url, kind: "world", members: 0 });
  if (reference !== undefined) {
    const dialect = options.encoding === "proto" ? "reference-proto" : "reference";
    await crew.open({ ...open, fleet: "reference", dialect, urls: [reference.url] });
    await crew.converse({ fleet: "reference", url: undefined, kind: "world", members: 0 });
  }
  return { before, after };
}

/** Reference, GoChat, reference, GoChat …: what else the machine does meets both. */
async function takeTurns({ options, server, reference, crew, progress }: Stage): Promise<Sides> {
  const { rate, window, joined, rounds } = options;
  const plan: Omit<DrivePlan, "audience"> = {
    pace: window > 0 ? { at: "closed", window } : { at: "open", perSecond: rate, burst: joined },
    seconds: options.seconds / rounds,
    size: options.size,
    until: "shown",
  };
  const sides: Sides = { gochat: [], reference: [], referenceSent: 0, rpcCalls: 0, slow: null };
  const run = (fleet: "gochat" | "reference", label: string, plan: Omit<DrivePlan, "audience">, sinceS: number) => {
    const meter = fleet === "reference" && reference !== undefined ? reference : server;
    return driveRound({ crew, fleet, plan, meter, progress, unit: "deliveries", label, sinceS });
  };
  progress.say("warming up");
  const warm = { ...plan, seconds: Math.min(1, options.seconds / 4) };
  if (reference !== undefined) sides.referenceSent += (await run("reference", "", warm, 0)).sent;
  await run("gochat", "", warm, 0);
  const callsBefore = await server.rpcCalls();
  if (options.slowReaders > 0) {
    const args = { crew, server, progress, percent: options.slowReaders, plan: { ...plan, seconds: options.seconds } };
    const { rounds, slow } = await driveSlowReaders({ ...args, run: (...words) => run("gochat", ...words) });
    sides.gochat.push(...rounds);
    return { ...sides, slow };
  }
  for (let turn = 0; turn < rounds; turn += 1) {
    if (reference !== undefined) {
      progress.say(`bare Bun, round ${turn + 1} of ${rounds}`);
      const one = await run("reference", "bare Bun", plan, 0);
      sides.referenceSent += one.sent;
      sides.reference.push(one);
    }
    progress.say(`GoChat, round ${turn + 1} of ${rounds}`);
    const sinceS = sides.gochat.reduce((all, { seconds }) => all + seconds, 0);
    sides.gochat.push(await run("gochat", "GoChat", plan, sinceS));
  }
  sides.rpcCalls = (await server.rpcCalls()) - callsBefore;
  return sides;
}

function perDelivery({ serverCpuUs, deliveries }: Round): number | undefined {
  return serverCpuUs === undefined || deliveries === 0 ? undefined : serverCpuUs / deliveries;
}

function resultOf(
  { options, server }: Stage,
  sides: Sides,
  verdict: ReturnType<typeof joinVerdicts>,
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
