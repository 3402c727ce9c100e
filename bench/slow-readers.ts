import type { Crew } from "./crew.ts";
import type { DrivePlan } from "./load/drive.ts";
import type { Progress } from "./progress.ts";
import { round } from "./result.ts";
import type { Round } from "./round.ts";
import type { Target } from "./target.ts";
import type { SlowReaders } from "./world-result.ts";

const mib = 2 ** 20;
/** Of what a socket that never reads asked for, bytes: about what the kernel holds by itself, so that the bound of the server is
 *  met while it is measured. */
const fillBytes = 4.2 * mib;
/** After that was asked for, before it is measured, ms. */
const fillMs = 1500;
/** How long memory may take to come back after the slow sockets are gone, ms. */
const recoverMs = 10_000;

export interface SlowArgs {
  readonly crew: Crew;
  readonly server: Target;
  readonly progress: Progress;
  readonly percent: number;
  readonly plan: Omit<DrivePlan, "audience">;
  run(label: string, plan: Omit<DrivePlan, "audience">, sinceS: number): Promise<Round>;
}

const shareOf = ({ serverCpuUs, seconds }: Round): number | null =>
  serverCpuUs === undefined ? null : round(serverCpuUs / 1e6 / seconds);

/** Half of the time all read, then some sockets read no more: what that does to the others, and to memory. Answers both halves. */
export async function driveSlowReaders(args: SlowArgs): Promise<{ rounds: Round[]; slow: SlowReaders }> {
  const { crew, server, progress, plan, run } = args;
  const half = { ...plan, seconds: plan.seconds / 2, keepFrames: false };
  progress.say("everybody reads");
  const first = await run("all read", half, 0);
  const before = (server.rssBytes() ?? 0) / mib;
  const counts = crew.shares.map((share) => Math.ceil((share * args.percent) / 100));
  const count = counts.reduce((all, one) => all + one, 0);
  progress.say(`${count} sockets read no more`);
  const stall = (share: number) => ({ fleet: "gochat", count: share, fillBytes });
  await Promise.all(crew.processes.map(({ ask }, index) => ask.stall(stall(counts[index] ?? 0))));
  await Bun.sleep(fillMs);
  const second = await run("some never read", half, first.seconds);
  const peak = Math.max(before, ...second.points.map(({ rssMiB }) => rssMiB ?? 0));
  progress.say("waiting for memory to come back");
  const ends = await Promise.all(crew.processes.map(({ ask }) => ask.unstall({ fleet: "gochat" })));
  await Bun.sleep(recoverMs);
  return {
    rounds: [first, second],
    slow: {
      count,
      cpuShare: { before: shareOf(first), with: shareOf(second) },
      p99BeforeMs: round(first.shown.getValueAtPercentile(99) / 1000),
      p99WithMs: round(second.shown.getValueAtPercentile(99) / 1000),
      rssMiB: { before: round(before, 1), peak: round(peak, 1), after: round((server.rssBytes() ?? 0) / mib, 1) },
      closed: ends.reduce((all, one) => all + one, 0),
    },
  };
}
