import { and, asc, desc, eq, inArray, lte, sql } from "drizzle-orm";
import { findMany, now, upsertMany } from "#infra/db/steps.ts";
import type { RepoContext } from "../context.ts";
import { messageTableOf } from "./message-table.ts";

export interface Pointer {
  readonly userId: bigint;
  readonly conversationId: string;
  readonly lastReadSeqId: bigint;
  readonly lastReadMessageNo: bigint;
  /** Unix milliseconds. */
  readonly updatedAt: number;
}

export interface MovedPointer {
  readonly previousSeqId: bigint;
  readonly lastReadSeqId: bigint;
  readonly unread: bigint;
  /** The row at `lastReadSeqId`, when this call moved the pointer there. */
  readonly messageId: bigint | undefined;
}

export interface Unread {
  readonly count: bigint;
  readonly notifyMuted: boolean;
}

export interface ReadPointers {
  /** Moves the pointer forward to `seqId`, at most to the newest row; never back. Undefined when the user is no member. */
  move(userId: bigint, conversationId: string, seqId: bigint): Promise<MovedPointer | undefined>;
  get(userId: bigint, conversationId: string): Promise<Pointer | undefined>;
  /** Of the members, by user id. */
  list(conversationId: string, limit: number): Promise<Pointer[]>;
  /** Unread messages by conversation, for those of `conversationIds` (empty: all) that the user is a member of. */
  unread(userId: bigint, conversationIds: readonly string[]): Promise<Map<string, Unread>>;
}

const positive = (value: bigint): bigint => (value > 0n ? value : 0n);

export function createReadPointers(context: Pick<RepoContext, "db" | "tables" | "ids">): ReadPointers {
  const { db, tables, ids } = context;
  const { conversations: c, conversationMembers: m, userReadPointers: p } = tables;
  const columns = {
    userId: p.userId,
    conversationId: p.conversationId,
    lastReadSeqId: p.lastReadSeqId,
    lastReadMessageNo: p.lastReadMessageNo,
    updatedAt: p.updatedAt,
  };
  const byUser = { table: p, columns, by: [p.userId, p.conversationId] };
  const forward = {
    table: p,
    key: ["userId", "conversationId"],
    greatest: ["lastReadSeqId", "lastReadMessageNo", "updatedAt"],
    replace: [],
  } as const;

  /** Where the member stands and what the newest row is; one read. */
  async function stateOf(userId: bigint, conversationId: string) {
    const [state] = await db.q
      .select({ readSeq: p.lastReadSeqId, readNo: p.lastReadMessageNo, lastSeq: c.lastSeqId, lastNo: c.lastMessageNo })
      .from(m)
      .innerJoin(c, eq(c.id, m.conversationId))
      .leftJoin(p, and(eq(p.userId, m.userId), eq(p.conversationId, m.conversationId)))
      .where(and(eq(m.userId, userId), eq(m.conversationId, conversationId)));
    return state;
  }

  /** One index step: clamps to the newest row and gives its message number. Rows never change either. */
  async function rowAt(conversationId: string, seqId: bigint) {
    const messages = messageTableOf(tables, conversationId);
    const [row] = await db.q
      .select({ id: messages.id, seq: messages.seqId, no: messages.messageNo })
      .from(messages)
      .where(and(eq(messages.conversationId, conversationId), lte(messages.seqId, seqId)))
      .orderBy(desc(messages.seqId))
      .limit(1);
    return row;
  }

  return {
    async move(userId, conversationId, seqId) {
      const state = await stateOf(userId, conversationId);
      if (state === undefined) return undefined;
      const previousSeqId = state.readSeq ?? 0n;
      const row = seqId > previousSeqId ? await rowAt(conversationId, seqId) : undefined;
      if (row === undefined || row.seq <= previousSeqId) {
        const unread = positive(state.lastNo - (state.readNo ?? 0n));
        return { previousSeqId, lastReadSeqId: previousSeqId, unread, messageId: undefined };
      }
      const pointer = await db.transaction(function* () {
        const at = yield* now();
        const times = { createdAt: at, updatedAt: at };
        const position = { lastReadSeqId: row.seq, lastReadMessageNo: row.no };
        yield* upsertMany(forward, [{ id: ids.snowflake(), userId, conversationId, ...position, ...times }]);
        const [moved] = yield* findMany(byUser, [[userId, conversationId]]);
        return moved;
      });
      const readNo = pointer?.lastReadMessageNo ?? row.no;
      const lastReadSeqId = pointer?.lastReadSeqId ?? row.seq;
      // Rows stored since the first read are above the pointer: they count in the next answer.
      const messageId = lastReadSeqId === row.seq ? row.id : undefined;
      return { previousSeqId, lastReadSeqId, unread: positive(state.lastNo - readNo), messageId };
    },

    async get(userId, conversationId) {
      const [pointer] = await db.find(byUser, [[userId, conversationId]]);
      return pointer;
    },

    list: async (conversationId, limit) =>
      await db.q
        .select(columns)
        .from(m)
        .innerJoin(p, and(eq(p.userId, m.userId), eq(p.conversationId, m.conversationId)))
        .where(eq(m.conversationId, conversationId))
        .orderBy(asc(m.userId))
        .limit(limit),

    async unread(userId, conversationIds) {
      const wanted =
        conversationIds.length === 0 ? undefined : inArray(m.conversationId, [...new Set(conversationIds)]);
      const rows = await db.q
        .select({
          id: c.id,
          notifyMuted: m.notifyMuted,
          lastNo: c.lastMessageNo,
          readNo: sql<bigint>`coalesce(${p.lastReadMessageNo}, 0)`.mapWith(BigInt),
        })
        .from(m)
        .innerJoin(c, eq(c.id, m.conversationId))
        .leftJoin(p, and(eq(p.userId, m.userId), eq(p.conversationId, m.conversationId)))
        .where(and(eq(m.userId, userId), wanted));
      return new Map(
        rows.map(({ id, notifyMuted, lastNo, readNo }) => [id, { count: positive(lastNo - readNo), notifyMuted }]),
      );
    },
  };
}
