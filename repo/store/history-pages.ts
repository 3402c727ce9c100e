import { and, asc, desc, eq, gte, inArray, lte } from "drizzle-orm";
import type { ScanPlan } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { type RepoContext, worldId } from "../context.ts";
import type { RowCompleter } from "./complete-rows.ts";
import type { ConversationRow } from "./conversation-row.ts";
import { bytesOf, isFiltered, isSameRange, type Page, type PageQuery, pageBytesMax, seqMax } from "./message-page.ts";
import { type MessageRow, messageColumns, type SenderRow } from "./message-row.ts";
import { type MessageTable, messageTableOf } from "./message-table.ts";
import { pageOf, type Window, windowOf } from "./message-window.ts";
import { type PagePlan as HistoryPlan, headPlan as memberHeadPlan, pagePlan } from "./page-plan.ts";
import { createRecentRows } from "./recent.ts";
import { createTails, type Reading } from "./tails.ts";

const kindMessage = 1;

type PagePlan = ScanPlan<ReturnType<typeof messageColumns>>;

/** The leading rows that fit a page: at least one, at most `limit`. */
function fitting(rows: readonly MessageRow[], limit: number): MessageRow[] {
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
function completeRange(query: PageQuery, rows: readonly MessageRow[], hasMore: boolean, latest: bigint) {
  if (isFiltered(query)) return { completeFrom: 1n, completeTo: 0n };
  const from = bigMax(query.startSeq, 1n);
  const to = query.endSeq === 0n || query.endSeq > latest ? latest : query.endSeq;
  const edge = rows.at(-1)?.seqId;
  if (!hasMore || edge === undefined) return { completeFrom: from, completeTo: to };
  return query.ascending ? { completeFrom: from, completeTo: edge } : { completeFrom: edge, completeTo: to };
}

/** A device that has everything asks for what is above the head: the usual answer of a sync, without reading a row. */
function nothingAbove({ ascending, startSeq, endSeq }: PageQuery, head: bigint): Page | undefined {
  if (!ascending || startSeq <= head) return undefined;
  const completeTo = endSeq === 0n || endSeq > head ? head : endSeq;
  return { messages: [], hasMore: false, nextSeq: 0n, completeFrom: startSeq, completeTo, latestSeq: head };
}

/** What `given` asks for as the viewer sees it. Throws NOT_CONVERSATION_MEMBER. */
function asSeen(given: PageQuery, member: { readonly hiddenBeforeSeq: bigint } | undefined) {
  if (given.asMember !== true) return { query: given, hiddenBefore: 0n };
  if (member === undefined) throw new AppError("NOT_CONVERSATION_MEMBER");
  const startSeq = bigMax(given.startSeq, member.hiddenBeforeSeq + 1n);
  return { query: { ...given, startSeq }, hiddenBefore: member.hiddenBeforeSeq };
}

interface HeldPage {
  readonly given: PageQuery;
  readonly page: Page;
  /** Whether which reactions are the viewer's own is still to be told. */
  readonly reacted: boolean;
}

/** Conversations that were rooms when they were last read: there the window is asked before the rows. */
function createKnownRooms() {
  const rooms = new Set<string>([worldId]);
  return {
    has: (id: string): boolean => rooms.has(id),
    note({ id, isRoom }: { readonly id: string; readonly isRoom: boolean }): void {
      if (!isRoom) rooms.delete(id);
      else if (rooms.size < knownRoomsMax) rooms.add(id);
    },
  };
}

const knownRoomsMax = 10_000;
/** Rows above a tail that are read with the head; where there are more, the page is read anew. */
const aboveMax = 200;

/** Reads pages of conversations: undefined when there is no such conversation. Throws NOT_CONVERSATION_MEMBER. */
export function createHistoryPages(
  context: Pick<RepoContext, "db" | "tables" | "clock" | "writes">,
  { complete, withMine }: RowCompleter,
): (query: PageQuery) => Promise<Page | undefined> {
  const { db, tables, clock } = context;
  const tails = createTails(clock, context.writes);
  const scans = new Map<MessageTable, { up: PagePlan; down: PagePlan }>();

  function scanOf(m: MessageTable): { up: PagePlan; down: PagePlan } {
    const plan = { table: m, columns: messageColumns(m), equal: [m.conversationId], range: m.seqId };
    const known = scans.get(m) ?? { up: { ...plan, descending: false }, down: { ...plan, descending: true } };
    scans.set(m, known);
    return known;
  }

  async function readPage(query: PageQuery): Promise<MessageRow[]> {
    const m = messageTableOf(tables, query.conversationId);
    if (!isFiltered(query)) {
      const { up, down } = scanOf(m);
      const to = query.endSeq === 0n ? seqMax : query.endSeq;
      const range = { equal: [query.conversationId], from: query.startSeq, to, limit: query.limit + 1 };
      return await db.scan(query.ascending ? up : down, range);
    }
    const where = [eq(m.conversationId, query.conversationId)];
    if (query.startSeq > 0n) where.push(gte(m.seqId, query.startSeq));
    if (query.endSeq > 0n) where.push(lte(m.seqId, query.endSeq));
    if (query.types.length > 0) where.push(eq(m.kind, kindMessage), inArray(m.messageType, [...query.types]));
    if (query.excludeChanges === true) where.push(eq(m.kind, kindMessage));
    if (query.excludeDeleted === true) where.push(eq(m.deleted, false));
    return await db.q
      .select(messageColumns(m))
      .from(m)
      .where(and(...where))
      .orderBy(query.ascending ? asc(m.seqId) : desc(m.seqId))
      .limit(query.limit + 1);
  }

  function scan(conversationId: string, descending: boolean, from: bigint, limit: number): Promise<MessageRow[]> {
    const { up, down } = scanOf(messageTableOf(tables, conversationId));
    return db.scan(descending ? down : up, { equal: [conversationId], from, to: seqMax, limit });
  }
  const recent = createRecentRows({
    newest: (conversationId, limit) => scan(conversationId, true, 1n, limit),
    after: (conversationId, seq, limit) => scan(conversationId, false, seq + 1n, limit),
    complete,
    clock,
    writes: context.writes,
  });

  const memberHead = memberHeadPlan(tables);
  const pages = new Map<MessageTable, { up: HistoryPlan; down: HistoryPlan }>();
  const knownRooms = createKnownRooms();
  const lastPages = new WeakMap<Window, HeldPage>();

  function planOf({ conversationId, ascending }: PageQuery): HistoryPlan {
    const x = messageTableOf(tables, conversationId);
    const known = pages.get(x) ?? { up: pagePlan(tables, x, false), down: pagePlan(tables, x, true) };
    pages.set(x, known);
    return ascending ? known.up : known.down;
  }

  /** The head and the right to read, before any rows: where a window may have them, or a filter takes its own way. */
  async function readHead(given: PageQuery) {
    const [row] = (await db.ask(memberHead, [given.conversationId, given.viewerId ?? 0n])).rows;
    if (row?.c === undefined) return undefined;
    return { head: row.c, ...asSeen(given, row.m) };
  }

  /** Head, right and rows by one statement. */
  async function ask(given: PageQuery) {
    const to = given.endSeq === 0n ? seqMax : given.endSeq;
    const bounds = [given.startSeq, to, BigInt(given.limit + 1)];
    const { rows } = await db.ask(planOf(given), [given.conversationId, given.viewerId ?? 0n, ...bounds]);
    const head = rows[0]?.c;
    if (head === undefined) return undefined;
    knownRooms.note(head);
    const senders = new Map<bigint, SenderRow>();
    for (const { s } of rows) if (s !== undefined) senders.set(s.id, s);
    return { head, member: rows[0]?.m, found: rows.flatMap(({ x }) => x ?? []), senders };
  }

  async function readWhole(given: PageQuery) {
    const read = await ask(given);
    if (read === undefined) return undefined;
    const seen = asSeen(given, read.member);
    return { ...read, ...seen, found: read.found.filter((row) => row.seqId >= seen.query.startSeq) };
  }

  /** The page by the tail of the conversation, with nothing read where nothing was written since this viewer read it; else by
   *  one statement, for the head and the right, with what was stored above the tail where something may have been. Undefined
   *  where there is no tail that does. */
  async function readOnTail(given: PageQuery): Promise<Page | undefined> {
    const { conversationId, viewerId } = given;
    const tail = tails.find(given);
    if (tail === undefined) return undefined;
    if (!tail.behind) {
      const hiddenBeforeSeq = given.asMember === true ? tail.rights.get(viewerId ?? 0n) : undefined;
      if (hiddenBeforeSeq !== undefined) return pageOn(tail.window, given, hiddenBeforeSeq);
      const read = await readHead(given);
      if (read?.head.lastSeqId === tail.window.newest) {
        if (given.asMember === true) {
          tails.permit(conversationId, tail, { memberId: viewerId ?? 0n, hiddenBefore: read.hiddenBefore });
        }
        return pageOn(tail.window, given, read.hiddenBefore);
      }
    }
    const range = { startSeq: tail.window.newest + 1n, endSeq: 0n, ascending: true, limit: aboveMax };
    const read = await ask({ ...given, ...range });
    if (read === undefined) return undefined;
    const seen = asSeen(given, read.member);
    const window = await raised(conversationId, tail.window, read.found, read.senders);
    return window?.newest === read.head.lastSeqId ? pageOn(window, given, seen.hiddenBefore) : undefined;
  }

  /** The page of a window that was asked for last stays the same object. */
  async function pageOn(window: Window, given: PageQuery, hiddenBefore: bigint): Promise<Page | undefined> {
    let held = lastPages.get(window);
    if (
      held === undefined ||
      held.page.hiddenBefore !== hiddenBefore ||
      held.given.asMember !== given.asMember ||
      !isSameRange(held.given, given)
    ) {
      const page = pageOf(asSeen(given, { hiddenBeforeSeq: hiddenBefore }).query, window);
      if (page === undefined) return undefined;
      const reacted = page.messages.some(({ reactions }) => reactions.length > 0);
      held = { given, page: { ...page, hiddenBefore }, reacted };
      lastPages.set(window, held);
    }
    const { page, reacted } = held;
    return reacted ? { ...page, messages: await withMine(page.messages, given.viewerId) } : page;
  }

  /** A change may make an older row another one. */
  async function raised(
    id: string,
    tail: Window,
    rows: readonly MessageRow[],
    senders: ReadonlyMap<bigint, SenderRow>,
  ) {
    if (rows.length === 0) {
      tails.reached(id, tail);
      return tail;
    }
    if (rows.length > aboveMax || rows.some(({ kind }) => kind !== kindMessage)) {
      tails.forget(id);
      return undefined;
    }
    const more = windowOf(rows, await complete(rows, senders));
    return more === undefined ? undefined : tails.extend(id, tail, more);
  }

  /** Keeps a page that ends at the head. */
  function keepTail(
    { query, head, hiddenBefore }: { query: PageQuery; head: Pick<ConversationRow, "lastSeqId">; hiddenBefore: bigint },
    rows: MessageRow[],
    shown: Message[],
    reading: Reading,
  ) {
    const { conversationId, ascending, asMember, viewerId = 0n } = query;
    const window = ascending ? windowOf(rows, shown) : windowOf(rows.toReversed(), shown.toReversed());
    if (window === undefined || window.newest !== head.lastSeqId) return;
    tails.keep(conversationId, window, reading, asMember === true ? { memberId: viewerId, hiddenBefore } : undefined);
  }

  async function readAfterHead(given: PageQuery) {
    const read = await readHead(given);
    if (read === undefined) return undefined;
    const { head, query, hiddenBefore } = read;
    knownRooms.note(head);
    if (!isFiltered(query)) {
      const page =
        nothingAbove(query, head.lastSeqId) ?? (head.isRoom ? await recent.page(query, head.lastSeqId) : undefined);
      if (page !== undefined) return { ...page, hiddenBefore };
    }
    return { ...read, found: await readPage(query), senders: undefined };
  }

  return async (given) => {
    const headFirst = isFiltered(given) || knownRooms.has(given.conversationId);
    const page = headFirst ? undefined : await readOnTail(given);
    if (page !== undefined) return page;
    const reading = tails.reading();
    const read = headFirst ? await readAfterHead(given) : await readWhole(given);
    if (read === undefined) return undefined;
    if ("messages" in read) return { ...read, messages: await withMine(read.messages, given.viewerId) };
    const { head, query, hiddenBefore, found, senders } = read;
    const rows = fitting(found, query.limit);
    const hasMore = rows.length < found.length;
    const newest = rows.reduce((latest, row) => bigMax(latest, row.seqId), head.lastSeqId);
    const edge = rows.at(-1)?.seqId ?? 0n;
    const shown = await complete(rows, senders);
    if (!headFirst) keepTail(read, rows, shown, reading);
    return {
      messages: await withMine(shown, query.viewerId),
      hasMore,
      nextSeq: hasMore ? edge + (query.ascending ? 1n : -1n) : 0n,
      ...completeRange(query, rows, hasMore, newest),
      latestSeq: newest,
      hiddenBefore,
    };
  };
}
