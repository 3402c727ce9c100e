import { and, asc, desc, eq, gte, inArray, lte } from "drizzle-orm";
import type { ScanPlan } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { type RepoContext, worldId } from "../context.ts";
import { bytesOf, isFiltered, type Page, type PageQuery, pageBytesMax, seqMax } from "./message-page.ts";
import {
  type MessageRow,
  messageColumns,
  type SenderRow,
  senderColumns,
  toMessage,
  toReply,
  toUserInfo,
} from "./message-row.ts";
import { type MessageTable, messageTableOf, messageTables } from "./message-table.ts";
import { type PagePlan as HistoryPlan, headPlan as memberHeadPlan, pagePlan } from "./page-plan.ts";
import { createRecentRows } from "./recent.ts";

export interface CurrentSeq {
  readonly lastSeqId: bigint;
  readonly lastMessageNo: bigint;
}

/** Reads the stream rows, always from the primary: what was pushed can be read at once. */
export interface MessageStore {
  /** Undefined when there is no such conversation. */
  page(query: PageQuery): Promise<Page | undefined>;
  /** Tombstones included; unknown ids are left out; in the order of `ids`. At most 1000. */
  byIds(ids: readonly bigint[], viewerId?: bigint): Promise<Message[]>;
  /** The stored row as it is, to find its conversation: never to permit anything. */
  find(id: bigint): Promise<MessageRow | undefined>;
  /** The newest `limit` rows of kind message of each conversation, newest first, conversation by conversation. */
  latest(conversationIds: readonly string[], limit: number): Promise<Message[]>;
  currentSeq(conversationIds: readonly string[]): Promise<Map<string, CurrentSeq>>;
}

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

export function createMessageStore(context: Pick<RepoContext, "db" | "tables" | "clock">): MessageStore {
  const { db, tables } = context;
  const { conversations: c, messageReactions: r, users } = tables;
  const senderPlan = { table: users, columns: senderColumns(tables), by: [users.id] };
  const idPlans = messageTables(tables).map((m) => ({ table: m, columns: messageColumns(m), by: [m.id] }));
  const minePlan = {
    table: r,
    columns: { messageId: r.messageId, emoji: r.emoji },
    by: [r.messageId, r.userId],
  };
  const headPlan = {
    table: c,
    columns: {
      id: c.id,
      isRoom: c.isRoom,
      lastSeqId: c.lastSeqId,
      lastMessageNo: c.lastMessageNo,
      lastMessageId: c.lastMessageId,
    },
    by: [c.id],
  };

  async function rowsById(ids: Iterable<bigint>): Promise<MessageRow[]> {
    const keys = keysOf(ids);
    return (await Promise.all(idPlans.map((plan) => db.find(plan, keys)))).flat();
  }

  /** By message, the emojis with which the viewer has reacted; asked only where there are reactions. */
  async function readMine(rows: readonly MessageRow[], viewerId: bigint | undefined) {
    const mine = new Map<bigint, Set<string>>();
    if (viewerId === undefined) return mine;
    const reacted = rows.filter((row) => row.kind === kindMessage && row.meta?.includes('"reactions"') === true);
    if (reacted.length === 0) return mine;
    const keys = [...new Set(reacted.map((row) => row.id))].map((id) => [id, viewerId]);
    for (const { messageId, emoji } of await db.find(minePlan, keys)) {
      const emojis = mine.get(messageId);
      if (emojis === undefined) mine.set(messageId, new Set([emoji]));
      else emojis.add(emoji);
    }
    return mine;
  }

  /** Adds senders, the rows that are replied to or were edited, and the viewer's reactions, each with one lookup for all. */
  async function complete(
    rows: readonly MessageRow[],
    viewerId?: bigint,
    known?: ReadonlyMap<bigint, SenderRow>,
  ): Promise<Message[]> {
    if (rows.length === 0) return [];
    const senderIds = new Set<bigint>();
    const otherIds = new Set<bigint>();
    for (const row of rows) {
      senderIds.add(row.senderId);
      if (row.replyToId !== null) otherIds.add(row.replyToId);
      if (row.changeType === "edit" && row.targetMessageId !== null) otherIds.add(row.targetMessageId);
    }
    const [senders, others, mine] = await Promise.all([
      known === undefined ? db.find(senderPlan, keysOf(senderIds)) : [...known.values()],
      otherIds.size === 0 ? [] : rowsById(otherIds),
      readMine(rows, viewerId),
    ]);
    const infos = new Map(senders.map((sender: SenderRow) => [sender.id, toUserInfo(sender)]));
    const found = new Map(others.map((other) => [other.id, other]));
    return rows.map((row) => {
      const reply = row.replyToId === null ? undefined : found.get(row.replyToId);
      return toMessage(row, infos.get(row.senderId), {
        replyTo: reply === undefined ? undefined : toReply(reply),
        mine: mine.get(row.id),
        target: row.targetMessageId === null ? undefined : found.get(row.targetMessageId),
      });
    });
  }

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
    clock: context.clock,
  });

  const memberHead = memberHeadPlan(tables);
  const pages = new Map<MessageTable, { up: HistoryPlan; down: HistoryPlan }>();
  const knownRooms = createKnownRooms();

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
  async function readWhole(given: PageQuery) {
    const to = given.endSeq === 0n ? seqMax : given.endSeq;
    const bounds = [given.startSeq, to, BigInt(given.limit + 1)];
    const { rows } = await db.ask(planOf(given), [given.conversationId, given.viewerId ?? 0n, ...bounds]);
    const head = rows[0]?.c;
    if (head === undefined) return undefined;
    const seen = asSeen(given, rows[0]?.m);
    knownRooms.note(head);
    const senders = new Map<bigint, SenderRow>();
    for (const { s } of rows) if (s !== undefined) senders.set(s.id, s);
    const found = rows.flatMap(({ x }) => x ?? []).filter((row) => row.seqId >= seen.query.startSeq);
    return { head, ...seen, found, senders };
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

  return {
    async page(given) {
      const first = isFiltered(given) || knownRooms.has(given.conversationId);
      const read = first ? await readAfterHead(given) : await readWhole(given);
      if (read === undefined || "messages" in read) return read;
      const { head, query, hiddenBefore, found, senders } = read;
      const rows = fitting(found, query.limit);
      const hasMore = rows.length < found.length;
      const newest = rows.reduce((latest, row) => bigMax(latest, row.seqId), head.lastSeqId);
      const edge = rows.at(-1)?.seqId ?? 0n;
      return {
        messages: await complete(rows, query.viewerId, senders),
        hasMore,
        nextSeq: hasMore ? edge + (query.ascending ? 1n : -1n) : 0n,
        ...completeRange(query, rows, hasMore, newest),
        latestSeq: newest,
        hiddenBefore,
      };
    },

    async find(id) {
      const [row] = await rowsById([id]);
      return row;
    },

    async byIds(ids, viewerId) {
      const rows = await rowsById(new Set(ids));
      const messages = new Map((await complete(rows, viewerId)).map((message) => [message.id, message]));
      return ids.map((id) => messages.get(id.toString())).filter((message) => message !== undefined);
    },

    async latest(conversationIds, limit) {
      const heads = await db.find(headPlan, keysOf(new Set(conversationIds)));
      if (limit === 1) {
        const lastIds = heads.map((head) => head.lastMessageId).filter((id) => id !== null);
        return await complete(await rowsById(lastIds));
      }
      const pages = await Promise.all(
        heads.map(async (head) => {
          const m = messageTableOf(tables, head.id);
          return await db.q
            .select(messageColumns(m))
            .from(m)
            .where(and(eq(m.conversationId, head.id), eq(m.kind, kindMessage)))
            .orderBy(desc(m.seqId))
            .limit(limit);
        }),
      );
      return await complete(pages.flat());
    },

    async currentSeq(conversationIds) {
      const heads = await db.find(headPlan, keysOf(new Set(conversationIds)));
      return new Map(heads.map(({ id, lastSeqId, lastMessageNo }) => [id, { lastSeqId, lastMessageNo }]));
    },
  };
}

function keysOf<T>(values: Iterable<T>): [T][] {
  return Array.from(values, (value) => [value]);
}
