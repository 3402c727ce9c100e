import { type Bucket, createBucket, refill } from "#infra/ratelimit/bucket.ts";
import { WORLD_ID } from "#proto/conversation-ids.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { createBackground } from "./background.ts";
import { createRate, flushIntervalMs, lateMs, type PaceOptions, type Rate } from "./pace.ts";
import { pushFrames } from "./push-frames.ts";
import type { Rooms } from "./rooms.ts";
import type { Session } from "./session.ts";
import { keepNewest, type Shown, segmentsOf } from "./shedding.ts";
import { carriers } from "./wire.ts";

/** Settings `world.*`; each is read when it is used, so that it may change. */
export interface RoomFlowOptions extends PaceOptions {
  readonly maxPushPerSecond: number;
  /** ms. */
  readonly inactivePushInterval: number;
}

/** Rows of rooms on their way to the native channels, shaped by rate (DESIGN §3): at low rate at once, else a flush per
 *  interval carries all. In the world, over the budget the newest messages are kept, and under load sessions in the
 *  background get a joined push now and then; what is left out is announced by `missed`. Order per room is that of
 *  `push`; a session that changes between foreground and background gets every row or its announcement once. */
export interface RoomFlow {
  /** Ends with the turn at low rate, or with a timer. */
  push(conversationId: string, rows: readonly Message[]): void;
  /** Publishes what waits of a room. */
  flush(conversationId: string): void;
  /** To be called when `session.background` was set. */
  declared(session: Session): void;
  /** Publishes what waits, and from then on everything at once. */
  stop(): void;
}

export interface RoomFlowDeps {
  readonly rooms: Rooms;
  readonly metrics: Pick<GatewayMetrics, "shed">;
  /** ms, how late the event loop is. */
  readonly lagMs: () => number;
  /** Unix ms. */
  readonly clock: () => number;
  readonly frameOutMax: number;
}

interface Flow {
  readonly conversationId: string;
  readonly rate: Rate;
  rows: Message[];
  /** Of the contents. */
  bytes: number;
  flushedMs: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

function capacityOf(perSecond: number): { ratePerSecond: number; capacity: number } {
  return { ratePerSecond: perSecond, capacity: perSecond };
}

/** Rows and bytes that wait for a flush; at the bound it is made at once. */
const waitingMax = 1000;
const waitingBytesMax = 512 * 1024;
/** Rooms whose rate is remembered; beyond it those that are quiet are forgotten. */
const flowsMax = 1000;
const quietMs = 10_000;

export function createRoomFlow(options: RoomFlowOptions, deps: RoomFlowDeps): RoomFlow {
  const { rooms, metrics, clock } = deps;
  const flows = new Map<string, Flow>();
  const budget: Bucket = createBucket(capacityOf(options.maxPushPerSecond), clock());
  const background = createBackground(options, deps);
  let stopped = false;

  function flowOf(conversationId: string, nowMs: number): Flow {
    let flow = flows.get(conversationId);
    if (flow !== undefined) return flow;
    if (flows.size >= flowsMax) {
      for (const [id, { rows, flushedMs }] of flows) {
        if (rows.length === 0 && nowMs - flushedMs > quietMs) flows.delete(id);
      }
    }
    flow = { conversationId, rate: createRate(), rows: [], bytes: 0, flushedMs: 0, timer: undefined };
    flows.set(conversationId, flow);
    return flow;
  }

  function intervalMs(flow: Flow, rate: number): number {
    if (stopped) return 0;
    // Over the budget a frame that only says what it leaves out costs as much as the message.
    if (flow.conversationId === WORLD_ID && rate > options.maxPushPerSecond) return options.flushMax;
    return flushIntervalMs(options, { rate, sockets: rooms.sockets(flow.conversationId), lagMs: deps.lagMs() });
  }

  /** What the budget of the world lets pass. One second of it may be saved up. */
  function withinBudget(rows: readonly Message[], nowMs: number): Shown[] {
    refill(Object.assign(budget, capacityOf(options.maxPushPerSecond)), nowMs);
    const { items, left } = keepNewest(rows, Math.floor(budget.tokens));
    budget.tokens = Math.max(0, budget.tokens - (rows.length - left));
    if (left > 0) metrics.shed.budget.inc(left);
    return items;
  }

  function flush(flow: Flow, nowMs: number): void {
    clearTimeout(flow.timer);
    flow.timer = undefined;
    const { conversationId, rows } = flow;
    if (rows.length === 0) return;
    flow.rows = [];
    flow.bytes = 0;
    flow.flushedMs = nowMs;
    const isWorld = conversationId === WORLD_ID;
    const items = isWorld ? withinBudget(rows, nowMs) : rows;
    publish(conversationId, items, nowMs);
    if (!isWorld) return;
    const rate = flow.rate.perSecond(nowMs);
    background.push(items, !stopped && (rate > options.coalesceAbove || deps.lagMs() >= lateMs), nowMs);
  }

  function publish(conversationId: string, items: readonly Shown[], nowMs: number): void {
    const listeners = rooms.listeners(conversationId);
    if (!carriers.some((carrier) => listeners[carrier])) return;
    const shown = { nowS: Math.floor(nowMs / 1000), bytesMax: deps.frameOutMax };
    rooms.publish(conversationId, pushFrames(conversationId, segmentsOf(items), listeners, shown));
  }

  return {
    push(conversationId, rows) {
      if (rooms.sockets(conversationId) === 0) return;
      const nowMs = clock();
      const flow = flowOf(conversationId, nowMs);
      flow.rate.add(rows.length, nowMs);
      for (const row of rows) {
        flow.rows.push(row);
        flow.bytes += row.content.length;
      }
      const waitMs = flow.flushedMs + intervalMs(flow, flow.rate.perSecond(nowMs)) - nowMs;
      if (waitMs <= 0 || flow.rows.length >= waitingMax || flow.bytes >= waitingBytesMax) flush(flow, nowMs);
      // A clock that went back must not make it longer.
      else flow.timer ??= setTimeout(() => flush(flow, clock()), Math.min(waitMs, options.flushMax));
    },
    flush(conversationId) {
      const flow = flows.get(conversationId);
      if (flow !== undefined) flush(flow, clock());
    },
    declared: (session) => background.declared(session),
    stop() {
      stopped = true;
      const nowMs = clock();
      for (const flow of flows.values()) flush(flow, nowMs);
      background.stop(nowMs);
    },
  };
}
