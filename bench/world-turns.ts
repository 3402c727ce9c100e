import type { Crew } from "./crew.ts";
import type { DrivePlan } from "./load/drive.ts";
import type { FrameTrain } from "./load/traffic.ts";
import type { Peer } from "./peer.ts";
import type { Progress } from "./progress.ts";
import type { ReferenceServer } from "./reference-server.ts";
import { driveRound, type Meter, type Round } from "./round.ts";
import { driveSlowReaders } from "./slow-readers.ts";
import type { Target } from "./target.ts";
import type { WorldOptions } from "./world-options.ts";
import type { SlowReaders } from "./world-result.ts";

/** What a run of the world room has open. */
export interface Stage {
  readonly options: WorldOptions;
  readonly server: Target;
  readonly reference: ReferenceServer | undefined;
  readonly peer: Peer | undefined;
  readonly crew: Crew;
  readonly progress: Progress;
}

export interface Sides {
  readonly gochat: Round[];
  readonly reference: Round[];
  readonly peer: Round[];
  /** Sent to the reference with the warm-ups, which is the newest seq there. */
  referenceSent: number;
  peerSent: number;
  rpcCalls: number;
  slow: SlowReaders | null;
}

type Plan = Omit<DrivePlan, "audience">;

/** Before every measured round the same load runs this long: the reference and GoChat both had code to compile, caches to fill
 *  and memory to grow while the other one was measured. */
const warmS = 0.7;
const firstWarmS = 2;

/** GoChat and the reference by turns: what else the machine does meets both. With `joined` the reference repeats the frames
 *  of the GoChat round before it, at their moments and with as many rows in each. */
export async function takeTurns(stage: Stage): Promise<Sides> {
  const { options, server, reference, progress } = stage;
  const { rounds } = options;
  const sides: Sides = { gochat: [], reference: [], peer: [], referenceSent: 0, peerSent: 0, rpcCalls: 0, slow: null };
  const plan = planOf(options);
  const gochat = (label: string, plan: Plan, sinceS: number) => drive(stage, "gochat", server, label, plan, sinceS);
  const floor = async (plan: Plan, train: FrameTrain): Promise<Round | undefined> => {
    if (reference === undefined) return undefined;
    const same: Plan = options.joined > 1 ? { ...plan, pace: { at: "replay", frames: train } } : plan;
    const one = await drive(stage, "reference", reference, "bare Bun", same, 0);
    sides.referenceSent += one.sent;
    return one;
  };
  progress.say("warming up");
  if (options.warm > 0) await gochat("", { ...plan, pace: { at: "closed", window: 1 }, seconds: options.warm }, 0);
  const longWarm = { ...plan, seconds: Math.min(firstWarmS, options.seconds / 4) };
  let { train } = await gochat("", longWarm, 0);
  await floor(longWarm, train);
  if (options.slowReaders > 0) {
    const args = { ...stage, percent: options.slowReaders, plan: { ...plan, seconds: options.seconds } };
    const { rounds, slow } = await driveSlowReaders({ ...args, run: gochat });
    return { ...sides, gochat: rounds, slow };
  }
  const warm = { ...plan, seconds: Math.min(warmS, plan.seconds / 4) };
  for (let turn = 0; turn < rounds; turn += 1) {
    progress.say(`GoChat, round ${turn + 1} of ${rounds}`);
    await gochat("", warm, 0);
    const counted = await server.rpcCalls();
    const sinceS = sides.gochat.reduce((all, { seconds }) => all + seconds, 0);
    const one = await gochat("GoChat", plan, sinceS);
    sides.rpcCalls += (await server.rpcCalls()) - counted;
    sides.gochat.push(one);
    train = one.train;
    if (reference !== undefined) progress.say(`bare Bun, round ${turn + 1} of ${rounds}`);
    await floor(
      warm,
      train.filter(([atMs]) => atMs < warm.seconds * 1000),
    );
    const beside = await floor(plan, train);
    if (beside !== undefined) sides.reference.push(beside);
    await peerRound(stage, sides, warm, plan);
  }
  return sides;
}

/** The peer is sent the same messages as GoChat, and joins them or not as it does. */
async function peerRound(stage: Stage, sides: Sides, warm: Plan, plan: Plan): Promise<void> {
  const { peer, progress } = stage;
  if (peer === undefined) return;
  progress.say(`${peer.name}, round ${sides.peer.length + 1}`);
  const first = await drive(stage, "peer", peer.meter, "", warm, 0);
  const one = await drive(stage, "peer", peer.meter, peer.name, plan, 0);
  sides.peerSent += first.sent + one.sent;
  sides.peer.push(one);
}

function planOf({ rate, window, joined, rounds, seconds, size }: WorldOptions): Plan {
  return {
    pace: window > 0 ? { at: "closed", window } : { at: "open", perSecond: rate, burst: joined },
    seconds: seconds / rounds,
    size,
    until: "shown",
    keepFrames: joined > 1,
  };
}

function drive(
  { crew, progress }: Stage,
  fleet: "gochat" | "reference" | "peer",
  meter: Meter,
  label: string,
  plan: Plan,
  sinceS: number,
): Promise<Round> {
  return driveRound({ crew, fleet, plan, meter, progress, unit: "deliveries", label, sinceS });
}
