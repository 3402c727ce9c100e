import type { PeerResult } from "./peer.ts";
import { isFaithful, type LatencyMs, type RunResult } from "./result.ts";

/** What a run of `gochat bench world` measured; the names are for tools and stay. */
export interface WorldResult extends RunResult {
  readonly scenario: "world";
  readonly encoding: "text" | "proto";
  readonly sentPerSecond: number;
  readonly contentBytes: number;
  readonly deliveries: number;
  readonly deliveriesPerSecond: number;
  /** Messages that came in one WebSocket frame, on average over distinct frames. */
  readonly rowsPerFrame: number;
  /** What the clients of the reference got: with `joined` the very frames of GoChat, by number of rows and moment. */
  readonly referenceRowsPerFrame: number | null;
  /** Payload, on average over distinct frames. */
  readonly bytesPerFrame: number;
  readonly referenceBytesPerFrame: number | null;
  /** User and system time of all server processes, per row shown to a socket; median of the rounds. */
  readonly serverCpuUsPerDelivery: number | null;
  /** The same of bare `Bun.serve` publish in the same minutes, with frames of the same shape. */
  readonly referenceCpuUsPerDelivery: number | null;
  /** Median over the rounds of GoChat's over the reference's. */
  readonly ratioToReference: number | null;
  readonly referenceDeliveriesPerSecond: number | null;
  readonly referenceLatencyMs: LatencyMs | null;
  /** CPU µs per delivery of each round, in turn. */
  readonly roundsUs: { readonly gochat: readonly number[]; readonly reference: readonly number[] };
  /** The part of each process, where there are several. */
  readonly cpuUsPerDeliveryByProcess: Readonly<Record<string, number>>;
  /** Calls between services per message sent; null in one process, which has none. */
  readonly rpcsPerMessage: number | null;
  /** From the instant a message was due to its arrival at each socket: open loop, no coordinated omission. */
  readonly latencyMs: LatencyMs;
  readonly ackMs: LatencyMs;
  readonly refused: number;
  /** Sockets that ended during the run, those of slow readers not counted. */
  readonly closed: number;
  /** Resident memory of the server with all sockets open, less what it was before, by socket. */
  readonly rssBytesPerConnection: number | null;
  readonly rssBytes: number | null;
  readonly slowReaders: SlowReaders | null;
  /** Other systems in the same minutes, by name. */
  readonly peers: Readonly<Record<string, PeerResult>>;
}

/** What sockets that read no more did to the others. */
export interface SlowReaders {
  readonly count: number;
  /** CPU of the server, 1 = one core: near 1 the latencies are those of a server that is at its end. */
  readonly cpuShare: { readonly before: number | null; readonly with: number | null };
  readonly p99BeforeMs: number;
  readonly p99WithMs: number;
  readonly rssMiB: { readonly before: number; readonly peak: number; readonly after: number };
  /** Of them, closed by the server at the byte bound. */
  readonly closed: number;
}

export function worldVerdict(result: WorldResult): string {
  if (!isFaithful(result)) return "NOT FAITHFUL: these figures do not count.";
  const cost =
    result.serverCpuUsPerDelivery === null ? "" : ` at ${result.serverCpuUsPerDelivery} µs of server CPU each`;
  const ratio = result.ratioToReference === null ? "" : `, ${result.ratioToReference} × bare Bun`;
  const rate = Math.round(result.deliveriesPerSecond).toLocaleString("en");
  return `Every message reached every socket, once and in order: ${rate} deliveries/s${cost}${ratio}.`;
}

export const latencyText = (l: LatencyMs): string =>
  `p50 ${l.p50} ms   p90 ${l.p90} ms   p99 ${l.p99} ms   p99.9 ${l.p999} ms   max ${l.max} ms`;

/** The result for people: the verdict first. */
export function worldText(result: WorldResult): string {
  const { slowReaders: slow } = result;
  const lines = [
    worldVerdict(result),
    "",
    `  deliveries         ${result.deliveries.toLocaleString("en")}   ${Math.round(result.deliveriesPerSecond).toLocaleString("en")}/s   ${result.rowsPerFrame} messages, ${result.bytesPerFrame} B per frame`,
    `  server CPU         ${result.serverCpuUsPerDelivery ?? "unknown"} µs per delivery   rounds ${result.roundsUs.gochat.join(", ")}`,
    ...(result.referenceCpuUsPerDelivery === null
      ? []
      : [
          `  bare Bun           ${result.referenceCpuUsPerDelivery} µs per delivery   rounds ${result.roundsUs.reference.join(", ")}   ${result.referenceRowsPerFrame} messages, ${result.referenceBytesPerFrame} B per frame`,
          `  ratio              ${result.ratioToReference} × bare Bun`,
        ]),
    ...Object.entries(result.peers).map(
      ([name, peer]) =>
        `  ${name.padEnd(18)} ${peer.serverCpuUsPerDelivery ?? "unknown"} µs per delivery   ${Math.round(peer.deliveriesPerSecond).toLocaleString("en")}/s   p99 ${peer.latencyMs.p99} ms   lost ${peer.lost}   refused ${peer.refused}`,
    ),
    ...Object.entries(result.cpuUsPerDeliveryByProcess).map(([name, us]) => `    ${name.padEnd(16)} ${us} µs`),
    ...(result.rpcsPerMessage === null
      ? []
      : [`  calls              ${result.rpcsPerMessage} between services per message`]),
    `  latency            ${latencyText(result.latencyMs)}`,
    `  ack                ${latencyText(result.ackMs)}`,
    ...(result.rssBytes === null
      ? []
      : [
          `  memory             ${(result.rssBytes / 2 ** 20).toFixed(0)} MiB with all sockets open, ${result.rssBytesPerConnection} B each`,
        ]),
    ...(slow === null
      ? []
      : [
          `  ${slow.count} never read     p99 of the others ${slow.p99BeforeMs} → ${slow.p99WithMs} ms; ${slow.closed} closed by the server`,
          `                     server CPU ${slow.cpuShare.before ?? "?"} → ${slow.cpuShare.with ?? "?"} cores`,
          `                     memory ${slow.rssMiB.before} → ${slow.rssMiB.peak} → ${slow.rssMiB.after} MiB (before, most, after)`,
        ]),
    `  lost ${result.lost}   duplicated ${result.duplicated}   reordered ${result.reordered}   missed ${result.missed}   refused ${result.refused}   closed ${result.closed}`,
    ...clientLine(result),
    ...result.violations.slice(0, 10).map((violation) => `    ${violation}`),
  ];
  return lines.join("\n");
}

export function clientLine({ clientSaturated, clientCpuShare }: RunResult): string[] {
  const share = `${Math.round(clientCpuShare * 100)} % of a core`;
  return [
    clientSaturated
      ? `  THE LOAD CLIENT WAS SATURATED (${share}): the server can do more than this says.`
      : `  load client        ${share}`,
  ];
}
