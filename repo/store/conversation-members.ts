import { and, asc, eq, gt, inArray, type SQL, sql } from "drizzle-orm";
import type { ConversationMember } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { type RepoContext, worldId } from "../context.ts";
import { memberColumns, toMember } from "./conversation-row.ts";
import { senderColumns, toUserInfo } from "./message-row.ts";

export interface MemberQuery {
  readonly conversationId: string;
  readonly offset: number;
  readonly limit: number;
  /** `conversation_members.role`; 0 = all. */
  readonly role: number;
  /** Only higher user ids; the offset does not count then. */
  readonly afterUserId: bigint | undefined;
}

export interface Room {
  readonly conversationId: string;
  readonly membersSeq: bigint;
}

/** Every answer is read from the primary: rights depend on it. */
export interface MemberStore {
  /** By user id, ascending, with what everybody may see of the users. */
  page(query: MemberQuery): Promise<{ members: ConversationMember[]; total: number; hasMore: boolean }>;
  /** Those of `userIds` who are members, without names. At most 1000. */
  membership(conversationId: string, userIds: readonly bigint[]): Promise<ConversationMember[]>;
  /** The conversations in room mode of each user, one statement. At most 500 users. */
  rooms(userIds: readonly bigint[]): Promise<Map<bigint, Room[]>>;
  /** Those of `userIds` who are members, and the `members_seq` of the same read; undefined without such a conversation. */
  check(
    conversationId: string,
    userIds: readonly bigint[],
  ): Promise<{ memberIds: bigint[]; membersSeq: bigint } | undefined>;
}

/** The number of members of the world is at most this old: counting them reads one index entry each. */
const worldCountMs = 10_000;

export function createMemberStore(context: Pick<RepoContext, "db" | "tables">): MemberStore {
  const { db, tables } = context;
  const { conversations: c, conversationMembers: m, users } = tables;
  const columns = memberColumns(tables);
  const byUser = { table: m, columns, by: [m.userId, m.conversationId] };
  const rowCount = sql<number>`count(*)`.mapWith(Number);

  async function count(where: SQL | undefined): Promise<number> {
    const [row] = await db.q.select({ rows: rowCount }).from(m).where(where);
    return row?.rows ?? 0;
  }

  return {
    async page({ conversationId, offset, limit, role, afterUserId }) {
      const all = and(eq(m.conversationId, conversationId), role === 0 ? undefined : eq(m.role, role));
      const found = await db.q
        .select({ member: columns, user: senderColumns(tables) })
        .from(m)
        .leftJoin(users, eq(users.id, m.userId))
        .where(afterUserId === undefined ? all : and(all, gt(m.userId, afterUserId)))
        .orderBy(asc(m.userId))
        .limit(limit + 1)
        .offset(afterUserId === undefined ? offset : 0);
      const rows = found.slice(0, limit);
      return {
        members: rows.map(({ member, user }) => toMember(member, user === null ? undefined : toUserInfo(user))),
        total: await count(all),
        hasMore: found.length > limit,
      };
    },

    async membership(conversationId, userIds) {
      const keys = [...new Set(userIds)].map((userId) => [userId, conversationId] as const);
      return (await db.find(byUser, keys)).map((row) => toMember(row));
    },

    async rooms(userIds) {
      const rooms = new Map<bigint, Room[]>(userIds.map((userId) => [userId, []]));
      if (userIds.length === 0) return rooms;
      const rows = await db.q
        .select({ userId: m.userId, conversationId: c.id, membersSeq: c.membersSeq })
        .from(m)
        .innerJoin(c, eq(c.id, m.conversationId))
        .where(and(inArray(m.userId, [...rooms.keys()]), eq(c.isRoom, true)));
      for (const { userId, conversationId, membersSeq } of rows)
        rooms.get(userId)?.push({ conversationId, membersSeq });
      return rooms;
    },

    async check(conversationId, userIds) {
      const rows = await db.q
        .select({ membersSeq: c.membersSeq, userId: m.userId })
        .from(c)
        .leftJoin(m, and(eq(m.conversationId, c.id), inArray(m.userId, [...new Set(userIds)])))
        .where(eq(c.id, conversationId));
      const [first] = rows;
      if (first === undefined) return undefined;
      return { membersSeq: first.membersSeq, memberIds: rows.map((row) => row.userId).filter((id) => id !== null) };
    },
  };
}

/** How many accounts the world has; nobody writes it per join (spec 40 §2). One count at a time, then kept for 10 s. */
export function createWorldCount(context: Pick<RepoContext, "db" | "tables" | "clock">): () => Promise<number> {
  const { db, clock } = context;
  const { conversationMembers: m } = context.tables;
  let known: { count: Promise<number>; atMs: number } | undefined;
  return () => {
    const nowMs = clock();
    if (known !== undefined && nowMs - known.atMs < worldCountMs) return known.count;
    const count = db.q
      .select({ rows: sql<number>`count(*)`.mapWith(Number) })
      .from(m)
      .where(eq(m.conversationId, worldId))
      .then(([row]) => row?.rows ?? 0);
    known = { count, atMs: nowMs };
    // A failed count is not kept.
    count.catch(() => {
      known = undefined;
    });
    return count;
  };
}
