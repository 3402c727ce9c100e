import { and, asc, desc, eq, gt, gte, or, type SQL, sql } from "drizzle-orm";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UserInfo } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { type RepoContext, worldId } from "../context.ts";
import { changedPlan } from "./changed-plan.ts";
import type { ConversationRow, MemberRow } from "./conversation-row.ts";
import { createLastMessages } from "./last-messages.ts";
import { type ListPlan, type ListRow, listPlan, membershipsPlan } from "./list-plan.ts";
import { createListSnapshots, idsMax, listItemsMax } from "./list-snapshots.ts";
import { toUserInfo } from "./message-row.ts";

export interface ListQuery {
  readonly userId: bigint;
  readonly offset: number;
  readonly limit: number;
  /** `conversations.type`; 0 = all. */
  readonly type: number;
}

export interface ListedConversation {
  readonly conversation: ConversationRow;
  readonly member: MemberRow;
  /** Without what it replies to. */
  readonly lastMessage: Message | undefined;
  readonly lastReadSeqId: bigint;
  readonly unread: bigint;
  /** The other side of a single chat, where it was read along. */
  readonly peer?: UserInfo | undefined;
}

export interface ListPage {
  readonly items: ListedConversation[];
  /** Of all pages. */
  readonly total: number;
  /** The database's clock before anything was read, Unix ms. */
  readonly nowMs: number;
}

/** A page whose items are made when they are looked at. */
export interface PackedPage extends Omit<ListPage, "items"> {
  /** A text for each item, another one as soon as anything in it is. */
  readonly keys: readonly string[];
  item(key: string): ListedConversation;
}

export interface ConversationList {
  /** The world first unless the user pinned it, then pinned (latest pin first), then the latest activity. */
  page(query: ListQuery): Promise<ListPage>;
  /** The same where rows are known again by a text (`Db.askPacked`). */
  readonly packedPage: ((query: ListQuery) => Promise<PackedPage>) | undefined;
  /** Changed since `sinceMs` of the database clock less the overlap, oldest change first, and the conversations that the user
   *  left or was removed from since then; of those at most 1000, kept for 30 days. */
  changedSince(query: ListQuery, sinceMs: number): Promise<ListPage & { readonly removedIds: string[] }>;
  /** In the order of `page`. */
  ids(query: ListQuery): Promise<{ ids: string[]; total: number }>;
}

/** Commits become visible a little after their time was taken: the window of an incremental list reaches back so far. */
export const overlapMs = 10_000;

export function createConversationList(
  context: Pick<RepoContext, "db" | "tables" | "clock"> & Partial<Pick<RepoContext, "writes">>,
): ConversationList {
  const { db, tables } = context;
  const { conversations: c, conversationMembers: m } = tables;
  const total = sql<number>`count(*) over ()`.mapWith(Number);
  const unpinnedWorld = sql`${c.id} = ${worldId} and ${m.pinnedAt} is null`;
  const group = sql`case when ${unpinnedWorld} then 0 when ${m.pinnedAt} is not null then 1 else 2 end`;
  const listOrder: SQL[] = [asc(group), desc(m.pinnedAt), desc(c.lastMessageAt), asc(c.id)];

  /** What the user hid from the list comes back with the next row. */
  function mine({ userId, type }: ListQuery): SQL | undefined {
    const shown = or(eq(m.hiddenBeforeSeq, 0n), and(gt(c.lastSeqId, m.hiddenBeforeSeq), gt(c.lastSeqId, 0n)));
    return and(eq(m.userId, userId), shown, type === 0 ? undefined : eq(c.type, type));
  }

  const plans = { all: listPlan(tables, false), typed: listPlan(tables, true) };
  const changed = { all: changedPlan(db.dialect, tables, false), typed: changedPlan(db.dialect, tables, true) };
  const lastMessageOf = createLastMessages();

  /** Undefined: a row of a conversation that the user left. */
  function itemOf(row: ListRow): ListedConversation | undefined {
    const { c: conversation, m: member, p: pointer, peer } = row;
    if (conversation === undefined || member === undefined) return undefined;
    const unread = conversation.lastMessageNo - (pointer?.lastReadMessageNo ?? 0n);
    return {
      conversation,
      member,
      lastMessage: lastMessageOf(row, conversation),
      lastReadSeqId: pointer?.lastReadSeqId ?? 0n,
      unread: unread > 0n ? unread : 0n,
      peer: peer === undefined ? undefined : toUserInfo(peer),
    };
  }

  function listed(rows: readonly ListRow[]): ListedConversation[] {
    return rows.flatMap((row) => itemOf(row) ?? []);
  }

  const memberships = { all: membershipsPlan(tables, 0), some: membershipsPlan(tables, idsMax) };

  async function readMemberships(userId: bigint, ids?: readonly string[]): Promise<ListedConversation[]> {
    const values = [userId, BigInt(listItemsMax + 1)];
    // Every place has an id; those that are left repeat the first.
    const places = ids === undefined ? [] : Array.from({ length: idsMax }, (_, at) => ids[at] ?? ids[0]);
    const { rows } = await db.ask(ids === undefined ? memberships.all : memberships.some, [...values, ...places]);
    return listed(rows);
  }

  const { writes } = context;
  const snapshots =
    writes === undefined ? undefined : createListSnapshots({ read: readMemberships, writes, clock: context.clock });

  async function readPage(query: ListQuery): Promise<ListPage> {
    const held = await snapshots?.page(query);
    if (held !== undefined) return { ...held, nowMs: await db.now() };
    const { rows, total, nowMs } = await db.ask(...asked(query));
    return { items: listed(rows), total: rows.length > 0 ? total : await countPast(query, mine(query)), nowMs };
  }

  function asked({ userId, limit, offset, type }: ListQuery): [ListPlan, unknown[]] {
    const values = [userId, BigInt(limit), BigInt(offset)];
    return type === 0 ? [plans.all, values] : [plans.typed, [...values, type]];
  }

  const { askPacked } = db;
  async function readPacked(ask: NonNullable<typeof askPacked>, query: ListQuery): Promise<PackedPage> {
    const { keys, row, total, nowMs } = await ask(...asked(query));
    // A row of this statement always has its conversation and its member.
    const item = (key: string): ListedConversation => itemOf(row(key)) as ListedConversation;
    return { keys, item, total: keys.length > 0 ? total : await countPast(query, mine(query)), nowMs };
  }

  /** Past the last page no row tells the total. */
  async function countPast({ offset }: ListQuery, where: SQL | undefined): Promise<number> {
    if (offset === 0) return 0;
    const [row] = await db.q
      .select({ rows: sql<number>`count(*)`.mapWith(Number) })
      .from(m)
      .innerJoin(c, eq(c.id, m.conversationId))
      .where(where);
    return row?.rows ?? 0;
  }

  return {
    page: readPage,
    packedPage: askPacked === undefined ? undefined : (query) => readPacked(askPacked, query),

    async changedSince(query, sinceMs) {
      const { userId, limit, offset, type } = query;
      const fromMs = sinceMs - overlapMs;
      const values = [userId, BigInt(limit), BigInt(offset), fromMs];
      const { rows, total, nowMs } = await (type === 0
        ? db.ask(changed.all, values)
        : db.ask(changed.typed, [...values, type]));
      const items = listed(rows);
      const removedIds = rows.flatMap(
        ({ r, c, m }) => r?.conversationId ?? (c === undefined ? (m?.conversationId ?? []) : []),
      );
      if (items.length > 0) return { items, removedIds, total, nowMs };
      const since = or(gte(m.updatedAt, fromMs), gte(c.updatedAt, fromMs));
      return { items, removedIds, total: await countPast(query, and(mine(query), since)), nowMs };
    },

    async ids(query) {
      const where = mine(query);
      const rows = await db.q
        .select({ id: c.id, total })
        .from(m)
        .innerJoin(c, eq(c.id, m.conversationId))
        .where(where)
        .orderBy(...listOrder)
        .limit(query.limit)
        .offset(query.offset);
      return { ids: rows.map((row) => row.id), total: rows[0]?.total ?? (await countPast(query, where)) };
    },
  };
}
