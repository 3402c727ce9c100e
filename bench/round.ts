import type { Histogram } from "hdr-histogram-js";
import type { Crew } from "./crew.ts";
import type { DriveFigures, DrivePlan, Sample } from "./load/drive.ts";
import { createHistogram, unpacked } from "./load/figures.ts";
import type { Progress } from "./progress.ts";
import { type Point, round } from "./result.ts";

/** What is measured of the processes of a server. */
export interface Meter {
  cpuUs(): number | undefined;
  rssBytes(): number | undefined;
}

/** One drive, with what it cost the server. */
export interface Round extends Omit<DriveFigures, "ack" | "shown" | "lag"> {
  readonly ack: Histogram;
  readonly shown: Histogram;
  readonly lag: Histogram;
  /** CPU time of the server; undefined where its processes cannot be seen. */
  readonly serverCpuUs: number | undefined;
  readonly points: readonly Point[];
}

export interface RoundArgs {
  readonly crew: Crew;
  readonly fleet: string;
  readonly plan: Omit<DrivePlan, "audience">;
  readonly meter: Meter;
  readonly progress: Progress;
  /** What is counted: deliveries or acked messages. */
  readonly unit: "deliveries" | "acked";
  readonly label: string;
  /** Seconds of the run before this round, for the points. */
  readonly sinceS: number;
}

/** The first load process sends, all receive. Each counts the deliveries to its own sockets, and they are added. A window goes
 *  by the sockets of the first, which are a sample of all. */
export async function driveRound(args: RoundArgs): Promise<Round> {
  const { crew, fleet, plan, meter } = args;
  const points: Point[] = [];
  const others = crew.processes.slice(1);
  await Promise.all(others.map(({ ask }) => ask.listen({ fleet })));
  const before = meter.cpuUs();
  watch(args, points);
  const figures = await crew.first.ask.drive({ fleet, plan });
  const rows = plan.until === "shown" ? figures.sent : 0;
  const heard = await Promise.all(others.map(({ ask }) => ask.heard({ fleet, rows })));
  const after = meter.cpuUs();
  crew.first.onSample = () => undefined;
  return {
    ...figures,
    deliveries: heard.reduce((all, one) => all + one.deliveries, figures.deliveries),
    closed: heard.reduce((all, one) => all + one.closed, figures.closed),
    cpuShare: Math.max(figures.cpuShare, ...heard.map(({ cpuShare }) => cpuShare)),
    ack: unpacked(figures.ack),
    shown: unpacked(figures.shown, ...heard.map(({ shown }) => shown)),
    lag: unpacked(figures.lag),
    serverCpuUs: before === undefined || after === undefined ? undefined : after - before,
    points,
  };
}

/** A line of progress and a point of the plots for each sample. */
function watch({ crew, meter, progress, unit, label, plan, sinceS }: RoundArgs, points: Point[]): void {
  let last: Sample & { cpuUs: number | undefined } = {
    atMs: 0,
    sent: 0,
    acked: 0,
    deliveries: 0,
    p99Ms: 0,
    cpuUs: meter.cpuUs(),
  };
  // The samples are of the first process; in a room the others hear as much per socket.
  const sockets = crew.shares.reduce((all, one) => all + one, 0);
  const scale = unit === "deliveries" ? sockets / Math.max(1, crew.shares[0] ?? 1) : 1;
  crew.first.onSample = (sample) => {
    const cpuUs = meter.cpuUs();
    const rssBytes = meter.rssBytes();
    const seconds = (sample.atMs - last.atMs) / 1000;
    const units = (sample[unit] - last[unit]) * scale;
    if (seconds < 0.1) return;
    const used = cpuUs === undefined || last.cpuUs === undefined ? undefined : cpuUs - last.cpuUs;
    const point: Point = {
      s: round(sinceS + sample.atMs / 1000),
      perSecond: Math.round(units / seconds),
      p99Ms: round(sample.p99Ms),
      cpuUsPerUnit: used === undefined || units === 0 ? null : round(used / units, 3),
      rssMiB: rssBytes === undefined ? null : round(rssBytes / 2 ** 20, 1),
    };
    points.push(point);
    last = { ...sample, cpuUs };
    const share = used === undefined ? "" : `   CPU ${Math.round(used / seconds / 10_000)} %`;
    const memory = point.rssMiB === null ? "" : `   ${Math.round(point.rssMiB)} MiB`;
    const left = Math.max(0, plan.seconds - sample.atMs / 1000).toFixed(0);
    const rate = `${point.perSecond.toLocaleString("en")} ${unit}/s`;
    progress.show(`${label}   ${rate}   p99 ${point.p99Ms} ms${share}${memory}   ${left} s left`);
  };
}

/** All rounds of one side as one. */
export function joinRounds(rounds: readonly Round[]) {
  const ack = createHistogram();
  const shown = createHistogram();
  const lag = createHistogram();
  for (const one of rounds) {
    ack.add(one.ack);
    shown.add(one.shown);
    lag.add(one.lag);
  }
  const sum = (of: (one: Round) => number): number => rounds.reduce((all, one) => all + of(one), 0);
  return {
    ack,
    shown,
    lag,
    seconds: sum(({ seconds }) => seconds),
    sent: sum(({ sent }) => sent),
    acked: sum(({ acked }) => acked),
    refused: sum(({ refused, failed }) => refused + failed),
    deliveries: sum(({ deliveries }) => deliveries),
    closed: sum(({ closed }) => closed),
    ...perFrame(rounds),
    cpuShare:
      sum(({ cpuShare, seconds }) => cpuShare * seconds) /
      Math.max(
        0.001,
        sum(({ seconds }) => seconds),
      ),
    points: rounds.flatMap(({ points }) => points),
  };
}

/** Rows and payload bytes of a frame, on average over distinct frames. */
export function perFrame(rounds: readonly Pick<Round, "frames" | "rows" | "frameBytes">[]) {
  const of = (key: "frames" | "rows" | "frameBytes"): number => rounds.reduce((all, one) => all + one[key], 0);
  const frames = Math.max(1, of("frames"));
  return { rowsPerFrame: of("rows") / frames, bytesPerFrame: of("frameBytes") / frames };
}

/** More of a core than this, or sending this late, and the client itself is what is measured. */
const saturatedShare = 0.93;
const saturatedLagMs = 50;

export function isSaturated({ cpuShare, lag }: { cpuShare: number; lag: Histogram }): boolean {
  return cpuShare > saturatedShare || lag.getValueAtPercentile(99) / 1000 > saturatedLagMs;
}
