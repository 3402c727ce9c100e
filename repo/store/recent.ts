import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { Writes } from "../writes.ts";
import type { Page, PageQuery } from "./message-page.ts";
import type { MessageRow } from "./message-row.ts";
import { extended, pageOf, trimmed, type Window, windowOf } from "./message-window.ts";

/** Rows of one room that are held, and what they may take in memory; rooms, 64 MiB together. */
export const recentRowsMax = 300;
export const recentBytesMax = 1024 * 1024;
const roomsMax = 64;
/** A window is read anew after this, ms: names and pictures of senders have no seq. Where this process alone writes, it knows
 *  when one may have changed. */
const ageMaxMs = 30_000;
/** A room that was asked for before within this, ms, is worth a window. */
const warmMs = 10_000;
/** Catching up is tried so often before the database answers. */
const attemptsMax = 2;

const kindMessage = 1;

/** The newest rows of rooms that many ask for at the same time, as after a reconnect of all. A window is used only where it
 *  reaches the head that the asker has read from the primary: everything that changes a room has a seq, so such a window
 *  holds every row as it is. */
export interface RecentRows {
  /** Undefined where the window does not hold what is asked for. `head`: the last seq, read for this query. Which reactions are
   *  the viewer's own is not in it. */
  page(query: PageQuery, head: bigint): Promise<Page | undefined>;
}

export interface RecentDeps {
  /** The newest rows, descending. */
  readonly newest: (conversationId: string, limit: number) => Promise<MessageRow[]>;
  /** Rows above `seq`, ascending. */
  readonly after: (conversationId: string, seq: bigint, limit: number) => Promise<MessageRow[]>;
  /** Rows with what belongs to them, for nobody in particular. */
  readonly complete: (rows: readonly MessageRow[]) => Promise<Message[]>;
  /** Unix ms. */
  readonly clock: () => number;
  readonly writes?: Writes | undefined;
}

/** `renames`: how often a name may have changed before it was read. */
type Built = Window & { readonly builtMs: number; readonly renames: number };

interface Room {
  askedMs: number;
  window: Built | undefined;
  /** One reading of the database at a time for all who ask. */
  refreshing: Promise<void> | undefined;
}

export function createRecentRows(deps: RecentDeps): RecentRows {
  const { clock } = deps;
  // In the order of the last question, so that the first is the one to forget.
  const rooms = new Map<string, Room>();
  let renames = 0;
  deps.writes?.watch(({ all }) => {
    if (all) renames += 1;
  });
  const isOld = (window: Built): boolean => clock() - window.builtMs >= ageMaxMs || window.renames !== renames;

  function ask(conversationId: string): Room | undefined {
    const known = rooms.get(conversationId);
    const nowMs = clock();
    const room = known ?? { askedMs: Number.NEGATIVE_INFINITY, window: undefined, refreshing: undefined };
    const warm = nowMs - room.askedMs < warmMs;
    room.askedMs = nowMs;
    rooms.delete(conversationId);
    rooms.set(conversationId, room);
    const oldest = rooms.size > roomsMax ? rooms.keys().next().value : undefined;
    if (oldest !== undefined) rooms.delete(oldest);
    return warm ? room : undefined;
  }

  async function build(conversationId: string): Promise<Built | undefined> {
    const began = { builtMs: clock(), renames };
    const rows = (await deps.newest(conversationId, recentRowsMax)).toReversed();
    const window = windowOf(rows, await deps.complete(rows));
    return window === undefined ? undefined : { ...trimmed(window, recentBytesMax), ...began };
  }

  /** Appends what was stored since, where that are messages only: a change makes an older row another one. */
  async function catchUp(conversationId: string, window: Built): Promise<Built | undefined> {
    const rows = await deps.after(conversationId, window.newest, recentRowsMax);
    if (rows.length === 0) return window;
    const appends = rows.length < recentRowsMax && rows.every((row) => row.kind === kindMessage);
    const more = appends ? windowOf(rows, await deps.complete(rows)) : undefined;
    const whole = more === undefined ? undefined : extended(window, more, recentRowsMax);
    if (whole === undefined) return build(conversationId);
    return { ...trimmed(whole, recentBytesMax), builtMs: window.builtMs, renames: window.renames };
  }

  async function refresh(conversationId: string, room: Room): Promise<void> {
    const { window } = room;
    const old = window === undefined || isOld(window);
    try {
      room.window = old ? await build(conversationId) : await catchUp(conversationId, window);
    } catch (error) {
      room.window = undefined;
      throw error;
    }
  }

  /** The window with every row up to `head`. */
  async function reaching(conversationId: string, room: Room, head: bigint): Promise<Built | undefined> {
    for (let attempt = 0; ; attempt += 1) {
      const { window } = room;
      if (window !== undefined && window.newest >= head && !isOld(window)) return window;
      if (attempt === attemptsMax) return undefined;
      room.refreshing ??= refresh(conversationId, room).finally(() => {
        room.refreshing = undefined;
      });
      await room.refreshing;
    }
  }

  return {
    async page(query, head) {
      const room = ask(query.conversationId);
      if (room === undefined || !mayHold(query, head)) return undefined;
      const window = await reaching(query.conversationId, room, head);
      return window === undefined ? undefined : pageOf(query, window);
    },
  };
}

/** Whether what is asked for is so near to the head that a window could have it. */
function mayHold({ ascending, startSeq, endSeq }: PageQuery, head: bigint): boolean {
  const edge = head - BigInt(recentRowsMax);
  return ascending ? startSeq > edge : endSeq === 0n || endSeq > edge;
}
