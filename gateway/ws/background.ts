import { WORLD_ID } from "#proto/conversation-ids.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { isMessage, pushFrames } from "./push-frames.ts";
import type { Rooms } from "./rooms.ts";
import type { Session } from "./session.ts";
import { isRange, keepNewest, type Shown, segmentsOf } from "./shedding.ts";
import { carriers } from "./wire.ts";

/** The world for sessions that said they are in the background. */
export interface Background {
  /** Takes what the foreground was shown just now. Not under load it leaves at once. */
  push(items: readonly Shown[], underLoad: boolean, nowMs: number): void;
  /** Moves a session to where its declaration says, such that it gets every row once. */
  declared(session: Session): void;
  stop(nowMs: number): void;
}

export interface BackgroundDeps {
  readonly rooms: Rooms;
  readonly metrics: Pick<GatewayMetrics, "shed">;
  readonly clock: () => number;
  readonly frameOutMax: number;
}

/** Messages that a push under load shows: about a screen. */
const messagesMax = 20;
/** Changes are never left out, so they do not wait beyond this many. */
const changesMax = 200;

export function createBackground(options: { readonly inactivePushInterval: number }, deps: BackgroundDeps): Background {
  const { rooms, metrics, clock } = deps;
  let items: Shown[] = [];
  /** Messages and changes among them. */
  let messages = 0;
  let changes = 0;
  let flushedMs = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Sessions of the foreground that move after the next push: what it carries they have been shown. */
  const moving = new Set<Session>();

  function shrink(): void {
    const kept = keepNewest(items, messagesMax);
    items = kept.items;
    messages -= kept.left;
    if (kept.left > 0) metrics.shed.background.inc(kept.left);
  }

  function flush(nowMs: number): void {
    clearTimeout(timer);
    timer = undefined;
    flushedMs = nowMs;
    if (items.length > 0) {
      const listeners = rooms.backgroundListeners();
      const shown = { nowS: Math.floor(nowMs / 1000), bytesMax: deps.frameOutMax };
      rooms.publishToBackground(pushFrames(WORLD_ID, segmentsOf(items), listeners, shown));
      forget();
    }
    for (const session of moving) rooms.move(session, true);
    moving.clear();
  }

  function forget(): void {
    items = [];
    messages = 0;
    changes = 0;
  }

  /** To one session that comes back to the foreground: what the others there were shown meanwhile. */
  function catchUp(session: Session): void {
    if (items.length === 0) return;
    const needed = { single: false, joined: false, binary: false, [session.carrier]: true };
    const shown = { nowS: Math.floor(clock() / 1000), bytesMax: deps.frameOutMax };
    const frames = pushFrames(WORLD_ID, segmentsOf(keepNewest(items, messagesMax).items), needed, shown);
    session.corked(() => {
      for (const wire of frames[session.carrier]) session.send(wire);
    });
  }

  return {
    push(more, underLoad, nowMs) {
      const listeners = rooms.backgroundListeners();
      if (moving.size === 0 && !carriers.some((carrier) => listeners[carrier])) {
        if (items.length > 0) forget();
        return;
      }
      for (const item of more) {
        items.push(item);
        if (isRange(item)) continue;
        if (isMessage(item)) messages += 1;
        else changes += 1;
      }
      const waitMs = flushedMs + options.inactivePushInterval - nowMs;
      if (!underLoad) flush(nowMs);
      else if (waitMs <= 0 || changes >= changesMax) {
        shrink();
        flush(nowMs);
      } else {
        if (messages > 2 * messagesMax) shrink();
        timer ??= setTimeout(
          () => {
            shrink();
            flush(clock());
          },
          // A clock that went back must not make it longer.
          Math.min(waitMs, options.inactivePushInterval),
        );
      }
    },
    declared(session) {
      if (session.background === session.quiet) moving.delete(session);
      else if (!session.background) {
        catchUp(session);
        rooms.move(session, false);
      } else if (items.length === 0) rooms.move(session, true);
      else moving.add(session);
    },
    stop(nowMs) {
      flush(nowMs);
    },
  };
}
