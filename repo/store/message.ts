import { and, asc, desc, eq, gte, inArray, lte } from "drizzle-orm";
import type { ScanPlan } from "#infra/db/steps.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { RepoContext } from "../context.ts";
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
  async function complete(rows: readonly MessageRow[], viewerId?: bigint): Promise<Message[]> {
    if (rows.length === 0) return [];
    const senderIds = new Set<bigint>();
    const otherIds = new Set<bigint>();
    for (const row of rows) {
      senderIds.add(row.senderId);
      if (row.replyToId !== null) otherIds.add(row.replyToId);
      if (row.changeType === "edit" && row.targetMessageId !== null) otherIds.add(row.targetMessageId);
    }
    const [senders, others, mine] = await Promise.all([
      db.find(senderPlan, keysOf(senderIds)),
      otherIds.size === 0 ? [] : rowsById(otherIds),
      readMine(rows, viewerId),
    ]);
    const infos = new Map(senders.map((sender: SenderRow) => [sender.id, toUserInfo(sender)]));
    const known = new Map(others.map((other) => [other.id, other]));
    return rows.map((row) => {
      const reply = row.replyToId === null ? undefined : known.get(row.replyToId);
      return toMessage(row, infos.get(row.senderId), {
        replyTo: reply === undefined ? undefined : toReply(reply),
        mine: mine.get(row.id),
        target: row.targetMessageId === null ? undefined : known.get(row.targetMessageId),
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

  return {
    async page(query) {
      // The head first: rows that are stored between the two reads only make the page longer.
      const [head] = await db.find(headPlan, [[query.conversationId]]);
      if (head === undefined) return undefined;
      if (!isFiltered(query)) {
        const nothing = nothingAbove(query, head.lastSeqId);
        if (nothing !== undefined) return nothing;
        const held = head.isRoom ? await recent.page(query, head.lastSeqId) : undefined;
        if (held !== undefined) return held;
      }
      const found = await readPage(query);
      const rows = fitting(found, query.limit);
      const hasMore = rows.length < found.length;
      const newest = rows.reduce((latest, row) => bigMax(latest, row.seqId), head.lastSeqId);
      const edge = rows.at(-1)?.seqId ?? 0n;
      return {
        messages: await complete(rows, query.viewerId),
        hasMore,
        nextSeq: hasMore ? edge + (query.ascending ? 1n : -1n) : 0n,
        ...completeRange(query, rows, hasMore, newest),
        latestSeq: newest,
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
