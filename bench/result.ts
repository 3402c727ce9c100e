import { cpus, totalmem } from "node:os";
import type { Histogram } from "hdr-histogram-js";
import { version } from "#infra/host/run.ts";
import type { CommonOptions } from "./options.ts";

/** Percentiles of a latency, ms. */
export interface LatencyMs {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** A latency over its percentiles: [percentile, ms], for plots. */
export type Curve = readonly (readonly [number, number])[];

/** The state of a run twice a second. */
export interface Point {
  /** Seconds since the start of the run. */
  readonly s: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly cpuUsPerUnit: number | null;
  readonly rssMiB: number | null;
}

/** What every scenario against a server says; the names are for tools and stay. */
export interface RunResult {
  readonly scenario: string;
  /** `./gochat bench …`, to repeat it. */
  readonly command: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly target: string;
  readonly connections: number;
  readonly seconds: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Left out on purpose, and announced. */
  readonly missed: number;
  readonly violations: readonly string[];
  /** The load client was the bottleneck, so the figures are its own. */
  readonly clientSaturated: boolean;
  /** CPU of the load client per wall time, 1 = one core. */
  readonly clientCpuShare: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
  /** What `perSecond` and `cpuUsPerUnit` of the points count. */
  readonly unit: string;
  readonly points: readonly Point[];
  readonly curves: Readonly<Record<string, Curve>>;
}

export const isFaithful = ({ lost, duplicated, reordered }: RunResult): boolean => lost + duplicated + reordered === 0;

/** A histogram of microseconds. */
export function latencyOf(histogram: Histogram): LatencyMs {
  const at = (percentile: number): number => round(histogram.getValueAtPercentile(percentile) / 1000);
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: round(histogram.maxValue / 1000) };
}

const curvePercentiles = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.999];

export function curveOf(histogram: Histogram): Curve {
  return curvePercentiles.map((p) => [p, round(histogram.getValueAtPercentile(p) / 1000, 3)] as const);
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
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

export const versions = (): Readonly<Record<string, string>> => ({ gochat: version, bun: Bun.version });

/** The part of a result that follows from the options. */
export function stamp(scenario: string, options: CommonOptions) {
  return {
    scenario,
    command: options.command,
    startedAt: new Date(performance.timeOrigin).toISOString(),
    target: options.target,
    versions: versions(),
    machine: machine(),
  };
}
