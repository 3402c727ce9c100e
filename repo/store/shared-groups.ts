import { and, eq, inArray, isNull } from "drizzle-orm";
import type { RepoContext } from "../context.ts";

/** `conversations.type` */
const group = 2;

/** Those of `others` (at most 1000) who are a member of some group that `user` is a member of too. */
export async function inGroupsOf(
  { db, tables }: Pick<RepoContext, "db" | "tables">,
  user: bigint,
  others: readonly bigint[],
): Promise<Set<bigint>> {
  if (others.length === 0) return new Set();
  const { conversationMembers: m, conversations: c } = tables;
  const own = db.q
    .select({ id: m.conversationId })
    .from(m)
    .innerJoin(c, eq(c.id, m.conversationId))
    .where(and(eq(m.userId, user), eq(c.type, group), isNull(c.dissolvedAt)));
  const rows = await db.q
    .selectDistinct({ userId: m.userId })
    .from(m)
    .where(and(inArray(m.userId, [...others]), inArray(m.conversationId, own)));
  return new Set(rows.map(({ userId }) => userId));
}
