import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { bytesOf, type Page, type PageQuery, pageBytesMax } from "./message-page.ts";
import type { MessageRow } from "./message-row.ts";

/** Rows of one room that are held, and rooms; together at most some 30 MB, since a page of a room is rarely near its bound. */
export const recentRowsMax = 300;
const roomsMax = 64;
/** A window is read anew after this, ms: names and pictures of senders have no seq. */
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
  /** Undefined where the window does not hold what is asked for. `head`: the last seq, read for this query. */
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
}

interface Window {
  /** Ascending without holes. */
  messages: Message[];
  bytes: number[];
  newest: bigint;
  builtMs: number;
}

interface Room {
  askedMs: number;
  window: Window | undefined;
  /** One reading of the database at a time for all who ask. */
  refreshing: Promise<void> | undefined;
}

export function createRecentRows(deps: RecentDeps): RecentRows {
  const { clock } = deps;
  // In the order of the last question, so that the first is the one to forget.
  const rooms = new Map<string, Room>();

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

  async function build(conversationId: string): Promise<Window | undefined> {
    const builtMs = clock();
    const rows = (await deps.newest(conversationId, recentRowsMax)).toReversed();
    return windowOf(rows, await deps.complete(rows), builtMs);
  }

  /** Appends what was stored since, where that are messages only: a change makes an older row another one. */
  async function catchUp(conversationId: string, window: Window): Promise<Window | undefined> {
    const rows = await deps.after(conversationId, window.newest, recentRowsMax);
    const appends = rows.length < recentRowsMax && rows.every((row) => row.kind === kindMessage);
    if (!appends) return build(conversationId);
    const more = windowOf(rows, await deps.complete(rows), window.builtMs);
    if (rows.length === 0) return window;
    if (more === undefined || rows[0]?.seqId !== window.newest + 1n) return build(conversationId);
    const drop = Math.max(window.messages.length + rows.length - recentRowsMax, 0);
    return {
      messages: [...window.messages.slice(drop), ...more.messages],
      bytes: [...window.bytes.slice(drop), ...more.bytes],
      newest: more.newest,
      builtMs: window.builtMs,
    };
  }

  async function refresh(conversationId: string, room: Room): Promise<void> {
    const { window } = room;
    const old = window === undefined || clock() - window.builtMs >= ageMaxMs;
    try {
      room.window = old ? await build(conversationId) : await catchUp(conversationId, window);
    } catch (error) {
      room.window = undefined;
      throw error;
    }
  }

  /** The window with every row up to `head`. */
  async function reaching(conversationId: string, room: Room, head: bigint): Promise<Window | undefined> {
    for (let attempt = 0; ; attempt += 1) {
      const { window } = room;
      if (window !== undefined && window.newest >= head && clock() - window.builtMs < ageMaxMs) return window;
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

/** Undefined where rows are missing in between, which a room that is whole never has. */
function windowOf(rows: readonly MessageRow[], messages: Message[], builtMs: number): Window | undefined {
  const first = rows[0]?.seqId;
  if (first === undefined || messages.length !== rows.length) return undefined;
  if (rows.some((row, at) => row.seqId !== first + BigInt(at))) return undefined;
  return { messages, bytes: rows.map(bytesOf), newest: first + BigInt(rows.length - 1), builtMs };
}

/** Whether what is asked for is so near to the head that a window could have it. */
function mayHold({ ascending, startSeq, endSeq }: PageQuery, head: bigint): boolean {
  const edge = head - BigInt(recentRowsMax);
  return ascending ? startSeq > edge : endSeq === 0n || endSeq > edge;
}

function pageOf(query: PageQuery, { messages, bytes, newest }: Window): Page | undefined {
  const { ascending, limit, viewerId } = query;
  const oldest = newest - BigInt(messages.length - 1);
  const from = query.startSeq > 1n ? query.startSeq : 1n;
  const to = query.endSeq === 0n || query.endSeq > newest ? newest : query.endSeq;
  const asked = Number(to - from >= 0n ? to - from + 1n : 0n);
  const count = Math.min(asked, limit);
  const lowest = ascending ? from : to - BigInt(count) + 1n;
  if (count > 0 && lowest < oldest) return undefined;
  const at = Number(lowest - oldest);
  const fits = fitting(bytes.slice(at, at + count), ascending);
  const start = ascending ? at : at + count - fits;
  const rows = messages.slice(start, start + fits);
  // Which reactions are the viewer's own is not held.
  if (viewerId !== undefined && rows.some((row) => row.reactions.length > 0)) return undefined;
  const hasMore = fits < asked;
  const low = oldest + BigInt(start);
  const high = low + BigInt(fits) - 1n;
  return {
    messages: ascending ? rows : rows.toReversed(),
    hasMore,
    nextSeq: hasMore ? (ascending ? high + 1n : low - 1n) : 0n,
    completeFrom: hasMore && !ascending ? low : from,
    completeTo: hasMore && ascending ? high : to,
    latestSeq: newest,
  };
}

/** How many rows, from the side where the page begins, keep to its bytes; at least one. */
function fitting(bytes: readonly number[], ascending: boolean): number {
  let sum = 0;
  let count = 0;
  for (const size of ascending ? bytes : bytes.toReversed()) {
    sum += size;
    if (count > 0 && sum > pageBytesMax) break;
    count += 1;
  }
  return count;
}
