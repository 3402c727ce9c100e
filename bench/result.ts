import { cpus, totalmem } from "node:os";
import type { Histogram } from "hdr-histogram-js";

/** Percentiles of a latency, ms. */
export interface LatencyMs {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What a run of `gochat bench world` measured; the names are for tools and stay. */
export interface WorldResult {
  readonly scenario: "world";
  readonly target: "embedded" | "up";
  readonly connections: number;
  readonly sentPerSecond: number;
  readonly seconds: number;
  readonly contentBytes: number;
  readonly deliveries: number;
  readonly deliveriesPerSecond: number;
  /** User and system time of the server process, per row shown to a socket. */
  readonly serverCpuUsPerDelivery: number;
  /** Calls between services per message sent; null in one process, which has none. */
  readonly rpcsPerMessage: number | null;
  /** From the instant a message was due to its arrival at each socket: open loop, no coordinated omission. */
  readonly latencyMs: LatencyMs;
  readonly ackMs: LatencyMs;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly missed: number;
  readonly refused: number;
  /** Sockets that ended during the run. */
  readonly closed: number;
  /** Resident memory of the server with all sockets open. */
  readonly rssBytes: number;
  readonly violations: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
}

/** Histograms are kept in microseconds. */
export function latencyOf(histogram: Histogram): LatencyMs {
  const at = (percentile: number): number => round(histogram.getValueAtPercentile(percentile) / 1000);
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: round(histogram.maxValue / 1000) };
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

export function machine(): Readonly<Record<string, string | number>> {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGiB: round(totalmem() / 2 ** 30, 1),
    system: `${process.platform} ${process.arch}`,
  };
}

/** The result for people: the verdict first. */
export function worldText(result: WorldResult): string {
  const faithful = result.lost + result.duplicated + result.reordered === 0;
  const latency = (l: LatencyMs): string => `p50 ${l.p50} ms   p99 ${l.p99} ms   max ${l.max} ms`;
  const lines = [
    faithful
      ? "Every acked message reached every socket, once and in order."
      : "NOT FAITHFUL: these figures do not count.",
    "",
    `  deliveries         ${result.deliveries.toLocaleString("en")}   ${Math.round(result.deliveriesPerSecond).toLocaleString("en")}/s`,
    `  server CPU         ${result.serverCpuUsPerDelivery} µs per delivery`,
    ...(result.rpcsPerMessage === null
      ? []
      : [`  calls              ${result.rpcsPerMessage} between services per message`]),
    `  latency            ${latency(result.latencyMs)}`,
    `  ack                ${latency(result.ackMs)}`,
    `  memory             ${(result.rssBytes / 2 ** 20).toFixed(0)} MiB with all sockets open`,
    `  lost ${result.lost}   duplicated ${result.duplicated}   reordered ${result.reordered}   missed ${result.missed}   refused ${result.refused}   closed ${result.closed}`,
    ...result.violations.slice(0, 10).map((violation) => `    ${violation}`),
  ];
  return lines.join("\n");
}
