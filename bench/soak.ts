import { startCrew } from "./crew.ts";
import type { DrivePlan } from "./load/drive.ts";
import { joinVerdicts, type Verdict } from "./load/verify.ts";
import { type CommonOptions, commonFlags, commonOf, number, readFlags, whole } from "./options.ts";
import { createProgress } from "./progress.ts";
import { curveOf, isFaithful, type LatencyMs, latencyOf, type Point, type RunResult, round, stamp } from "./result.ts";
import { driveRound, isSaturated, joinRounds, type Round } from "./round.ts";
import { openTarget } from "./target.ts";
import { clientLine, latencyText } from "./world-result.ts";

/** What `gochat bench soak` may be told. */
export interface SoakOptions extends CommonOptions {
  /** 0.2…1,440. */
  minutes: number;
  /** Messages per second, open loop, 1…50,000. */
  rate: number;
  conns: number;
  size: number;
}

export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const flags = readFlags(args, { ...commonFlags, minutes: "30", rate: "4000", conns: "40", size: "200" });
  return {
    ...commonOf("soak", args, flags),
    minutes: number("minutes", flags.minutes, 0.2, 1440),
    rate: whole("rate", flags.rate, 1, 50_000),
    conns: whole("conns", flags.conns, 2, 1000) & ~1,
    size: whole("size", flags.size, 40, 5000),
  };
}

/** What a run of `gochat bench soak` measured; the names are for tools and stay. */
export interface SoakResult extends RunResult {
  readonly scenario: "soak";
  readonly storedPerSecond: number;
  readonly ackMs: LatencyMs;
  readonly deliverMs: LatencyMs;
  /** Resident memory after the first five minutes and at the end, by the line through all in between. */
  readonly rssMiBStart: number | null;
  readonly rssMiBEnd: number | null;
  readonly rssGrowthPercent: number | null;
  readonly refused: number;
  readonly closed: number;
}

/** After each part the histories are read and compared, and what was checked is forgotten: the client too stays flat. */
const partS = 60;

/** People send to each other at a fixed rate for long. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
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
  progress.say(`registering ${options.conns} people`);
  await crew.people({ url, registered: true });
  await crew.open({ fleet: "gochat", dialect: "text", joined: false, urls: server.urls, atOnce: 64 });
  await crew.converse({ fleet: "gochat", url, kind: "single", members: 2 });
  const rounds: Round[] = [];
  const verdicts: Verdict[] = [];
  const startMs = performance.now();
  const sinceS = (): number => (performance.now() - startMs) / 1000;
  while (sinceS() < options.minutes * 60) {
    const left = options.minutes * 60 - sinceS();
    const plan: Omit<DrivePlan, "audience"> = {
      pace: { at: "open", perSecond: options.rate, burst: 1 },
      seconds: Math.max(1, Math.min(partS, left)),
      size: options.size,
      until: "acked",
    };
    const label = `${(sinceS() / 60).toFixed(1)} of ${options.minutes} minutes`;
    progress.say(`${label}, ${Math.round((server.rssBytes() ?? 0) / 2 ** 20)} MiB`);
    const args = {
      crew,
      fleet: "gochat",
      plan,
      meter: server,
      progress,
      unit: "acked",
      label,
      sinceS: sinceS(),
    } as const;
    rounds.push(await driveRound(args));
    verdicts.push(await crew.verify({ fleet: "gochat", url, lastSeq: 0 }));
  }
  progress.end();
  const all = joinRounds(rounds);
  return {
    ...stamp("soak", options),
    scenario: "soak",
    connections: options.conns,
    seconds: round(all.seconds),
    storedPerSecond: round(all.acked / all.seconds),
    ackMs: latencyOf(all.ack),
    deliverMs: latencyOf(all.shown),
    ...memoryOf(all.points, options.minutes * 60),
    ...joinVerdicts(verdicts),
    missed: verdicts.at(-1)?.missed ?? 0,
    refused: all.refused,
    closed: all.closed,
    clientSaturated: isSaturated(all),
    clientCpuShare: round(all.cpuShare),
    unit: "messages",
    points: thinned(all.points),
    curves: { ack: curveOf(all.ack), delivered: curveOf(all.shown) },
  };
}

/** Resident memory by the straight line through all points after the first five minutes (of a short run: after its first
 *  sixth): where the line begins, where it ends, and the growth between. A minute's mean would say when the collector ran
 *  last; memory goes up and down by a quarter with it. */
export function memoryOf(points: readonly Point[], seconds: number) {
  const from = Math.min(300, seconds / 6);
  const some = points.flatMap(({ s, rssMiB }) => (s < from || rssMiB === null ? [] : [[s, rssMiB] as const]));
  const line = lineThrough(some);
  if (line === undefined) return { rssMiBStart: null, rssMiBEnd: null, rssGrowthPercent: null };
  const [start, end] = [line(from), line(some.at(-1)?.[0] ?? from)];
  return {
    rssMiBStart: round(start, 1),
    rssMiBEnd: round(end, 1),
    rssGrowthPercent: round((end / start - 1) * 100, 1),
  };
}

/** Least squares; undefined of fewer than two instants. */
function lineThrough(some: readonly (readonly [x: number, y: number])[]): ((x: number) => number) | undefined {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    some.reduce((all, point) => all + of(point), 0) / some.length;
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
  const spread = mean(([x]) => (x - mx) ** 2);
  if (some.length < 2 || spread === 0) return undefined;
  const slope = mean(([x, y]) => (x - mx) * (y - my)) / spread;
  return (x) => my + slope * (x - mx);
}

const pointsMax = 600;

function thinned(points: readonly Point[]): Point[] {
  const step = Math.ceil(points.length / pointsMax);
  return points.filter((_, index) => index % step === 0);
}

export function soakVerdict(result: SoakResult): string {
  if (!isFaithful(result)) return "NOT FAITHFUL: these figures do not count.";
  const memory =
    result.rssGrowthPercent === null
      ? "unknown"
      : `${result.rssMiBStart} → ${result.rssMiBEnd} MiB (${result.rssGrowthPercent} %)`;
  return `${Math.round(result.seconds / 60)} minutes at ${Math.round(result.storedPerSecond).toLocaleString("en")} stored/s, nothing lost; memory ${memory}.`;
}

export function soakText(result: SoakResult): string {
  return [
    soakVerdict(result),
    "",
    `  ack                ${latencyText(result.ackMs)}`,
    `  delivered          ${latencyText(result.deliverMs)}`,
    `  lost ${result.lost}   duplicated ${result.duplicated}   reordered ${result.reordered}   missed ${result.missed}   refused ${result.refused}   closed ${result.closed}`,
    ...clientLine(result),
    ...result.violations.slice(0, 10).map((violation) => `    ${violation}`),
  ].join("\n");
}
