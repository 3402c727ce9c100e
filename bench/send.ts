import { startCrew } from "./crew.ts";
import type { DrivePlan } from "./load/drive.ts";
import { createProgress } from "./progress.ts";
import { curveOf, isFaithful, type LatencyMs, latencyOf, type RunResult, round, stamp } from "./result.ts";
import { driveRound, isSaturated } from "./round.ts";
import type { SendOptions } from "./send-options.ts";
import { openTarget } from "./target.ts";
import { clientLine, latencyText } from "./world-result.ts";

/** What a run of `gochat bench send` measured; the names are for tools and stay. */
export interface SendResult extends RunResult {
  readonly scenario: "send";
  readonly kind: "single" | "group" | "world";
  readonly loop: string;
  readonly contentBytes: number;
  /** Sends that the server took, refused ones not counted. */
  readonly acceptedPerSecond: number;
  /** Sends that were acked: they are in the database and stay. */
  readonly storedPerSecond: number;
  /** From the instant a message was due to its ack. */
  readonly ackMs: LatencyMs;
  /** From the instant a message was due to each receiver's socket. */
  readonly deliverMs: LatencyMs;
  readonly deliveriesPerSecond: number;
  /** User and system time of all server processes per stored message. */
  readonly serverCpuUsPerMessage: number | null;
  readonly cpuUsPerMessageByProcess: Readonly<Record<string, number>>;
  readonly rpcsPerMessage: number | null;
  readonly refused: number;
  readonly closed: number;
  readonly rssBytes: number | null;
}

/** People send to each other; every ack is compared with the history afterwards. Nothing is pinned: the figure counts the load
 *  client's share of the machine in. */
export async function runSend(options: SendOptions): Promise<SendResult> {
  const progress = createProgress();
  progress.say(options.target === "embedded" ? "starting a server" : `finding ${options.target}`);
  await using server = await openTarget({
    target: options.target,
    settings: options.set,
    gateways: 1,
    side: "anywhere",
  });
  await using crew = startCrew(options.conns, { side: "anywhere", fleets: 1 });
  const [url = ""] = server.urls;
  progress.say(`${options.kind === "world" ? "signing in" : "registering"} ${options.conns} people`);
  await crew.people({ url, registered: options.kind !== "world" });
  progress.say("opening their sockets and conversations");
  await crew.open({ fleet: "gochat", dialect: "text", joined: false, urls: server.urls, atOnce: 64 });
  await crew.converse({ fleet: "gochat", url, kind: options.kind, members: options.members });
  const plan: Omit<DrivePlan, "audience"> = {
    pace:
      options.open > 0 ? { at: "open", perSecond: options.open, burst: 1 } : { at: "closed", window: options.closed },
    seconds: options.seconds,
    size: options.size,
    until: "acked",
  };
  const run = (plan: Omit<DrivePlan, "audience">, label: string) =>
    driveRound({ crew, fleet: "gochat", plan, meter: server, progress, unit: "acked", label, sinceS: 0 });
  progress.say("warming up");
  await run({ ...plan, seconds: Math.min(2, options.seconds / 4) }, "");
  progress.say("sending");
  const callsBefore = await server.rpcCalls();
  const cpuBefore = server.cpuUsByName();
  const one = await run(plan, options.kind);
  const rpcCalls = (await server.rpcCalls()) - callsBefore;
  const cpuAfter = server.cpuUsByName();
  const rssBytes = server.rssBytes() ?? null;
  progress.say("reading the histories");
  const verdict = await crew.verify({ fleet: "gochat", url, lastSeq: 0 });
  progress.end();
  const stored = Math.max(1, one.acked);
  return {
    ...stamp("send", options),
    scenario: "send",
    kind: options.kind,
    loop: options.open > 0 ? `open, ${options.open}/s` : `closed, ${options.closed} under way`,
    connections: options.conns,
    seconds: round(one.seconds),
    contentBytes: options.size,
    acceptedPerSecond: round((one.sent - one.refused - one.failed) / one.seconds),
    storedPerSecond: round(one.acked / one.seconds),
    ackMs: latencyOf(one.ack),
    deliverMs: latencyOf(one.shown),
    deliveriesPerSecond: round(one.deliveries / one.seconds),
    serverCpuUsPerMessage: one.serverCpuUs === undefined ? null : round(one.serverCpuUs / stored),
    cpuUsPerMessageByProcess: Object.fromEntries(
      Object.entries(cpuAfter).map(([name, us]) => [name, round((us - (cpuBefore[name] ?? 0)) / stored)]),
    ),
    rpcsPerMessage: server.kind === "up" ? round(rpcCalls / stored, 4) : null,
    ...verdict,
    refused: one.refused + one.failed,
    closed: one.closed,
    rssBytes,
    clientSaturated: isSaturated(one),
    clientCpuShare: round(one.cpuShare),
    unit: "messages",
    points: one.points,
    curves: { ack: curveOf(one.ack), delivered: curveOf(one.shown) },
  };
}

export function sendVerdict(result: SendResult): string {
  if (!isFaithful(result)) return "NOT FAITHFUL: these figures do not count.";
  const rate = Math.round(result.storedPerSecond).toLocaleString("en");
  return `Every acked message is stored and was shown, once and in order: ${rate} stored/s, ack p99 ${result.ackMs.p99} ms.`;
}

export function sendText(result: SendResult): string {
  return [
    sendVerdict(result),
    "",
    `  accepted           ${Math.round(result.acceptedPerSecond).toLocaleString("en")}/s   (${result.kind}, ${result.loop}, ${result.connections} sockets)`,
    `  stored and acked   ${Math.round(result.storedPerSecond).toLocaleString("en")}/s`,
    `  ack                ${latencyText(result.ackMs)}`,
    `  delivered          ${latencyText(result.deliverMs)}   ${Math.round(result.deliveriesPerSecond).toLocaleString("en")}/s`,
    `  server CPU         ${result.serverCpuUsPerMessage ?? "unknown"} µs per message`,
    ...Object.entries(result.cpuUsPerMessageByProcess).map(([name, us]) => `    ${name.padEnd(16)} ${us} µs`),
    ...(result.rpcsPerMessage === null
      ? []
      : [`  calls              ${result.rpcsPerMessage} between services per message`]),
    ...(result.rssBytes === null ? [] : [`  memory             ${(result.rssBytes / 2 ** 20).toFixed(0)} MiB`]),
    `  lost ${result.lost}   duplicated ${result.duplicated}   reordered ${result.reordered}   missed ${result.missed}   refused ${result.refused}   closed ${result.closed}`,
    ...clientLine(result),
    ...result.violations.slice(0, 10).map((violation) => `    ${violation}`),
  ].join("\n");
}
