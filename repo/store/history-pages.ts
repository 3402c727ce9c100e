import { AppError } from "#proto/errors.ts";
import type { RepoContext } from "../context.ts";
import { completed, hasReactions, marked } from "./complete-rows.ts";
import { bytesOf, isFiltered, isSameRange, type Page, type PageQuery, pageBytesMax } from "./message-page.ts";
import type { ShownRow } from "./message-row.ts";
import { oldestOf, pageOf, trimmed, type Window, windowOf } from "./message-window.ts";
import { createPageReader, type PageRead } from "./page-reader.ts";
import { raisedWindow } from "./raised-window.ts";
import { ownReactions } from "./reactors.ts";
import { createRooms, roomBytesMax, roomRowsMax } from "./rooms.ts";
import { createTails, type Reading, type Right } from "./tails.ts";

/** The leading rows that fit a page: at least one, at most `limit`. */
function fitting(rows: readonly ShownRow[], limit: number): ShownRow[] {
  let bytes = 0;
  let count = 0;
  for (const row of rows) {
    bytes += bytesOf(row);
    if (count === limit || (count > 0 && bytes > pageBytesMax)) break;
    count += 1;
  }
  return rows.slice(0, count);
}

function bigMax(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The seqs of a conversation have no holes, so a page is complete from its first row asked for to its last row given, or
 *  to the end of what was asked when nothing was left. */
function completeRange(query: PageQuery, rows: readonly ShownRow[], hasMore: boolean, latest: bigint) {
  if (isFiltered(query)) return { completeFrom: 1n, completeTo: 0n };
  const from = bigMax(query.startSeq, 1n);
  const to = query.endSeq === 0n || query.endSeq > latest ? latest : query.endSeq;
  const edge = rows.at(-1)?.seqId;
  if (!hasMore || edge === undefined) return { completeFrom: from, completeTo: to };
  return query.ascending ? { completeFrom: from, completeTo: edge } : { completeFrom: edge, completeTo: to };
}

/** What `given` asks for as the viewer sees it. Throws NOT_CONVERSATION_MEMBER. */
function asSeen(given: PageQuery, member: { readonly hiddenBeforeSeq: bigint } | undefined) {
  if (given.asMember !== true) return { query: given, hiddenBefore: 0n };
  if (member === undefined) throw new AppError("NOT_CONVERSATION_MEMBER");
  const startSeq = bigMax(given.startSeq, member.hiddenBeforeSeq + 1n);
  return { query: { ...given, startSeq }, hiddenBefore: member.hiddenBeforeSeq };
}

type Read = Pick<PageRead, "head" | "member">;

/** What is kept of a member who was found to be one. */
function rightOf({ asMember, viewerId }: PageQuery, member: Read["member"]): Right | undefined {
  if (asMember !== true || viewerId === undefined || member === undefined) return undefined;
  return { memberId: viewerId, hiddenBefore: member.hiddenBeforeSeq };
}

interface HeldPage {
  readonly given: PageQuery;
  readonly page: Page;
  /** Whether which reactions are the viewer's own is still to be told. */
  readonly reacted: boolean;
}

/** Rows above a tail that are read with the head; where there are more, the newest of them stand alone. */
const aboveMax = 200;
/** Above a tail of which nobody asked for this long, ms, there may be many: one reads them, whoever asks meanwhile waits. */
const idleMs = 100;

/** Reads pages of conversations, each by one statement at most, but for two rare cases: of more than `aboveMax` rows that were
 *  stored above a tail, others are asked for; or something is stored in the instant in which rights are read. Undefined when there
 *  is no such conversation. Throws NOT_CONVERSATION_MEMBER. */
export function createHistoryPages(
  context: Pick<RepoContext, "db" | "tables" | "clock" | "writes">,
): (query: PageQuery) => Promise<Page | undefined> {
  const { clock, writes } = context;
  const reader = createPageReader(context);
  const tails = createTails(clock, writes);
  const rooms = createRooms(clock);
  // Readings for all who ask at the same time: of rooms, and of what is above a tail.
  const building = new Map<string, Promise<unknown>>();
  const raising = new WeakMap<Window, Promise<unknown>>();
  const lastPages = new WeakMap<Window, HeldPage>();

  async function readWhole(given: PageQuery): Promise<Page | undefined> {
    const reading = tails.reading();
    const read = await reader.page(given);
    if (read === undefined) return undefined;
    const { head, member, known, mine } = read;
    rooms.note(head);
    const { query, hiddenBefore } = asSeen(given, member);
    const rows = fitting(read.rows, query.limit);
    const hasMore = rows.length < read.rows.length;
    const edge = rows.at(-1)?.seqId ?? 0n;
    const shown = completed(rows, known);
    if (!isFiltered(query)) {
      const window = query.ascending ? windowOf(rows, shown) : windowOf(rows.toReversed(), shown.toReversed());
      keepTail(given, read, window, reading);
    }
    return {
      messages: marked(shown, mine),
      hasMore,
      nextSeq: hasMore ? edge + (query.ascending ? 1n : -1n) : 0n,
      ...completeRange(query, rows, hasMore, head.lastSeqId),
      latestSeq: head.lastSeqId,
      hiddenBefore,
    };
  }

  /** Keeps rows that end at the head. */
  function keepTail(given: PageQuery, { head, member }: Read, window: Window | undefined, reading: Reading): void {
    if (window?.newest === head.lastSeqId) tails.keep(head.id, window, reading, rightOf(given, member));
  }

  /** The page by the tail of the conversation, with nothing read where nothing was written since this viewer read it; else by
   *  one statement, for the head and the right, with what was stored above the tail where something may have been. Undefined
   *  where there is no tail that does. */
  async function readOnTail(given: PageQuery, waited = false): Promise<Page | undefined> {
    const { conversationId, viewerId } = given;
    const tail = tails.find(given);
    if (tail === undefined) return undefined;
    const { window } = tail;
    if (!tail.behind) {
      const hiddenBeforeSeq = given.asMember === true ? tail.rights.get(viewerId ?? 0n) : undefined;
      if (hiddenBeforeSeq !== undefined) return pageOn(window, given, hiddenBeforeSeq);
      const reading = tails.reading();
      const read = await reader.head(conversationId, viewerId);
      if (read?.head.lastSeqId === window.newest) {
        const { hiddenBefore } = asSeen(given, read.member);
        tails.reached(conversationId, window, reading, rightOf(given, read.member));
        return pageOn(window, given, hiddenBefore);
      }
    }
    const first = raising.get(window);
    if (first !== undefined && !waited) {
      // Who was first is told of an error; the others ask themselves.
      await first.catch(() => undefined);
      return await readOnTail(given, true);
    }
    const work = raise(given, window).finally(() => raising.delete(window));
    if (clock() - tail.provedMs >= idleMs) raising.set(window, work);
    const above = await work;
    if (above === undefined) return undefined;
    const { hiddenBefore } = asSeen(given, above.member);
    return above.raised === undefined ? undefined : pageOn(above.raised, given, hiddenBefore);
  }

  /** Reads what is above a tail and keeps what it becomes, with the right of who asks. */
  async function raise(given: PageQuery, window: Window) {
    const { conversationId } = given;
    const reading = tails.reading();
    const read = await reader.above(given, window.newest + 1n, aboveMax);
    if (read === undefined) return undefined;
    rooms.note(read.head);
    const raised = raisedWindow(window, read);
    const { member } = read;
    if (raised?.newest !== read.head.lastSeqId) {
      tails.forget(conversationId);
      return { member, raised: undefined };
    }
    const right = rightOf(given, member);
    if (raised === window) tails.reached(conversationId, window, reading, right);
    else if (oldestOf(raised) <= window.newest) tails.raise(conversationId, window, raised, reading, right);
    else keepTail(given, read, raised, reading);
    return { member, raised };
  }

  /** A page of a room of which more is asked for than is held, by its newest rows: one reading for all who ask. */
  async function readRoom(given: PageQuery): Promise<Page | undefined> {
    if (!rooms.isWanted(given)) return undefined;
    const { conversationId } = given;
    const others = building.get(conversationId);
    if (others !== undefined) {
      await others.catch(() => undefined);
      return await readOnTail(given);
    }
    const work = buildRoom(given).finally(() => building.delete(conversationId));
    building.set(conversationId, work);
    const built = await work;
    if (built === undefined) return undefined;
    const { hiddenBefore } = asSeen(given, built.member);
    return built.window === undefined ? undefined : pageOn(built.window, given, hiddenBefore);
  }

  async function buildRoom(given: PageQuery) {
    const reading = tails.reading();
    const read = await reader.above(given, 1n, roomRowsMax);
    if (read === undefined) return undefined;
    rooms.note(read.head);
    const whole = raisedWindow(undefined, read);
    const window = whole === undefined ? undefined : trimmed(whole, roomBytesMax);
    keepTail(given, read, window, reading);
    return { member: read.member, window };
  }

  /** The page of a window that was asked for last stays the same object. */
  function pageOn(window: Window, given: PageQuery, hiddenBefore: bigint): Page | undefined {
    let held = lastPages.get(window);
    if (
      held === undefined ||
      held.page.hiddenBefore !== hiddenBefore ||
      held.given.asMember !== given.asMember ||
      !isSameRange(held.given, given)
    ) {
      const page = pageOf(asSeen(given, { hiddenBeforeSeq: hiddenBefore }).query, window);
      if (page === undefined) return undefined;
      held = { given, page: { ...page, hiddenBefore }, reacted: page.messages.some(hasReactions) };
      lastPages.set(window, held);
    }
    const { page, reacted } = held;
    const mine = reacted ? ownReactions(window, given.viewerId) : undefined;
    return mine === undefined || mine.size === 0 ? page : { ...page, messages: marked(page.messages, mine) };
  }

  return async (given) => {
    if (isFiltered(given)) return await readWhole(given);
    return (await readOnTail(given)) ?? (await readRoom(given)) ?? (await readWhole(given));
  };
}
