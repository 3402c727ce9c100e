import { nowMs } from "./clock.ts";
import { benchContent } from "./dialect.ts";
import { createHistogram, packed, record } from "./figures.ts";
import type { Fleet } from "./fleet.ts";
import type { FrameTrain, Route, Tally, Traffic } from "./traffic.ts";

/** How messages are made due. `open`: by the clock, `burst` at the same instant, whatever the answers do. `closed`: as
 *  soon as fewer than `window` are under way. `replay`: at the moments of other frames, as many rows in each. */
export type Pace =
  | { readonly at: "open"; readonly perSecond: number; readonly burst: number }
  | { readonly at: "closed"; readonly window: number }
  | { readonly at: "replay"; readonly frames: FrameTrain };

export interface DrivePlan {
  readonly pace: Pace;
  readonly seconds: number;
  /** Bytes of a content. */
  readonly size: number;
  /** A message is over when it was acked, or when every watching socket was shown it. */
  readonly until: "acked" | "shown";
  /** Sockets that each acked message is shown to; the drive waits for so many deliveries at the end. */
  readonly audience: number;
  /** The figures are to say which frames came when. */
  readonly keepFrames?: boolean;
}

/** The state twice a second. */
export interface Sample {
  /** Since the start, ms. */
  readonly atMs: number;
  readonly sent: number;
  readonly acked: number;
  readonly deliveries: number;
  /** Of the last interval, ms. */
  readonly p99Ms: number;
}

export interface DriveFigures extends Tally {
  readonly seconds: number;
  /** Packed histograms, µs. */
  readonly ack: string;
  readonly shown: string;
  /** How late the client itself sent what was due. */
  readonly lag: string;
  /** CPU time of this process per wall time, 1 = one core. */
  readonly cpuShare: number;
  readonly cpuUs: number;
  /** Empty unless they were to be kept. */
  readonly train: FrameTrain;
}

const sampleMs = 500;
const tickMs = 1;
const closedTickMs = 20;
/** After the last send this long is waited for what is under way. */
export const settleMs = 10_000;
/** A closed loop writes this many at most in one go on one socket. */
const togetherMax = 64;

/** Sends on schedule and waits for what is on its way. */
export async function drive(
  plan: DrivePlan,
  { fleet, traffic, routes }: { fleet: Fleet; traffic: Traffic; routes: readonly Route[] },
  onSample: (sample: Sample) => void,
): Promise<DriveFigures> {
  const { tally } = traffic;
  const { pace } = plan;
  const before: Tally = { ...tally };
  traffic.restart();
  traffic.train = plan.keepFrames === true ? [] : undefined;
  const lag = createHistogram();
  const cpu = process.cpuUsage();
  const startMs = nowMs();
  const lastMs = pace.at === "replay" ? (pace.frames.at(-1)?.[0] ?? 0) + 1 : 0;
  const endMs = startMs + Math.max(plan.seconds * 1000, lastMs);
  let turn = 0;
  let due = 0;
  let sampledMs = startMs;

  const over = (): number =>
    (plan.until === "acked" ? tally.acked - before.acked : tally.completed - before.completed) +
    (tally.refused - before.refused) +
    (tally.failed - before.failed);

  function sendTogether(dueMs: number, count: number): void {
    const route = routes[turn % routes.length];
    turn += 1;
    if (route === undefined) return;
    const content = benchContent(dueMs, plan.size);
    const messages = Array.from({ length: count }, () => {
      const n = traffic.add({ route, dueMs, seq: 0, id: "" });
      return { conversationId: route.conversationId, content, clientMsgId: `${traffic.prefix}${n}` };
    });
    tally.sent += count;
    const { dialect } = fleet;
    if (dialect.publish === undefined) fleet.send(route.socket, dialect.send(messages));
    else
      dialect.publish(messages).catch(() => {
        tally.refused += count;
      });
  }

  function sendDue(now: number): void {
    if (pace.at === "open") {
      for (;;) {
        const dueMs = startMs + (due * 1000) / pace.perSecond;
        if (dueMs > now || dueMs >= endMs) break;
        record(lag, now - dueMs);
        sendTogether(dueMs, pace.burst);
        due += pace.burst;
      }
      return;
    }
    if (pace.at === "replay") {
      for (let frame = pace.frames[due]; frame !== undefined; frame = pace.frames[due]) {
        const dueMs = startMs + frame[0];
        if (dueMs > now) break;
        record(lag, now - dueMs);
        sendTogether(dueMs, frame[1]);
        due += 1;
      }
      return;
    }
    let free = pace.window - (tally.sent - before.sent - over());
    const together = plan.until === "shown" ? togetherMax : 1;
    for (; free > 0; free -= together) sendTogether(now, Math.min(free, together));
  }

  function sample(now: number): void {
    const p99Ms =
      (plan.until === "acked" ? traffic.interval.ack : traffic.interval.shown).getValueAtPercentile(99) / 1000;
    traffic.cut();
    sampledMs = now;
    onSample({
      atMs: now - startMs,
      sent: tally.sent - before.sent,
      acked: tally.acked - before.acked,
      deliveries: tally.deliveries - before.deliveries,
      p99Ms,
    });
  }

  // A closed loop goes on with the answers, an open one with the clock.
  if (pace.at === "closed") traffic.wake = () => sendDue(nowMs());
  for (let now = startMs; now < endMs; now = nowMs()) {
    sendDue(now);
    if (now - sampledMs >= sampleMs) sample(now);
    await Bun.sleep(pace.at === "closed" ? closedTickMs : tickMs);
  }
  traffic.wake = () => undefined;
  await settle(plan, traffic, before);
  const seconds = (nowMs() - startMs) / 1000;
  sample(nowMs());
  const used = process.cpuUsage(cpu);
  const cpuUs = used.user + used.system;
  return {
    ...tallySince(tally, before),
    seconds,
    ack: packed(traffic.total.ack),
    shown: packed(traffic.total.shown),
    lag: packed(lag),
    cpuShare: cpuUs / 1e6 / seconds,
    cpuUs,
    train: (traffic.train ?? []).map(([atMs, rows]) => [Math.max(0, atMs - startMs), rows] as const),
  };
}

export function tallySince(tally: Tally, before: Tally): Tally {
  const figures: Record<string, number> = {};
  for (const key of Object.keys(tally) as (keyof Tally)[]) figures[key] = tally[key] - before[key];
  return figures as unknown as Tally;
}

async function settle(plan: DrivePlan, { tally }: Traffic, before: Tally): Promise<void> {
  const deadline = nowMs() + settleMs;
  const whole = (): boolean => {
    const kept = tally.acked - before.acked;
    const answered = kept + tally.refused - before.refused + tally.failed - before.failed >= tally.sent - before.sent;
    const acked = plan.until === "shown" || answered;
    return (
      acked &&
      tally.deliveries - before.deliveries >= (plan.until === "shown" ? tally.sent - before.sent : kept) * plan.audience
    );
  };
  while (!whole() && nowMs() < deadline) await Bun.sleep(2);
}
