import { and, asc, desc, eq, gte, inArray, ne } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import type { Tx } from "#infra/db/db.ts";
import { changes, findMany, now, run, type Steps, type UpsertPlan, upsertMany } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import type { RepoContext } from "../context.ts";
import { overlapMs } from "./conversation-list.ts";

export interface NewDraft {
  /** Empty removes. */
  readonly content: string;
  readonly replyToId: bigint | undefined;
}

export interface DraftRow {
  readonly conversationId: string;
  readonly content: string;
  readonly replyToId: bigint | null;
  /** Unix ms; of two rows of one draft the later one is right. */
  readonly updatedAt: number;
}

export interface DraftPage {
  readonly drafts: DraftRow[];
  readonly hasMore: boolean;
  /** The database's clock before anything was read, Unix ms. */
  readonly nowMs: number;
}

/** Texts begun and not sent, one per user and conversation. No row of the stream, no lock on the conversation: nobody but
 *  the user writes them. */
export interface Drafts {
  /** The last write wins. The same as is stored changes nothing. Throws NOT_CONVERSATION_MEMBER, CONVERSATION_DISSOLVED
   *  (of content). */
  set(userId: bigint, conversationId: string, draft: NewDraft): Promise<{ draft: DraftRow; changed: boolean }>;
  /** Those of conversations that the user is a member of, newest first. With `sinceMs` what changed since, less the overlap
   *  of the lists, oldest change first, removed ones too (with empty content). */
  list(userId: bigint, page: { offset: number; limit: number; sinceMs: number }): Promise<DraftPage>;
}

export function createDrafts({ db, tables }: Pick<RepoContext, "db" | "tables">): Drafts {
  const { conversations: c, conversationMembers: m, drafts: d } = tables;
  const columns = {
    conversationId: d.conversationId,
    content: d.content,
    replyToId: d.replyToId,
    updatedAt: d.updatedAt,
  };
  const byKey = { table: d, columns, by: [d.userId, d.conversationId] };
  /** Two writes of one draft follow each other, and who is removed meanwhile leaves none behind. */
  const membership = { table: m, columns: { userId: m.userId }, by: [m.userId, m.conversationId], lock: true };
  const latest: UpsertPlan<Tables["drafts"]> = {
    table: d,
    key: ["userId", "conversationId"],
    greatest: ["updatedAt"],
    replace: ["content", "replyToId"],
  };

  function* requireWritable(tx: Tx, userId: bigint, conversationId: string, content: string): Steps<void> {
    const [member] = yield* findMany(membership, [[userId, conversationId]]);
    if (member === undefined) throw new AppError("NOT_CONVERSATION_MEMBER");
    const heads = tx.q.select({ dissolvedAt: c.dissolvedAt }).from(c).where(eq(c.id, conversationId));
    const [head] = yield* run(heads);
    if (head?.dissolvedAt != null && content !== "") throw new AppError("CONVERSATION_DISSOLVED");
  }

  return {
    set: async (userId, conversationId, { content, replyToId }) =>
      await db.transaction(function* (tx) {
        yield* requireWritable(tx, userId, conversationId, content);
        const [before] = yield* findMany(byKey, [[userId, conversationId]]);
        const nowMs = yield* now();
        const wanted = { conversationId, content, replyToId: replyToId ?? null };
        if (before === undefined && content === "") return { draft: { ...wanted, updatedAt: nowMs }, changed: false };
        if (before?.content === content && before.replyToId === wanted.replyToId) {
          return { draft: before, changed: false };
        }
        // Two writes of one millisecond have an order, too.
        const updatedAt = Math.max(nowMs, (before?.updatedAt ?? 0) + 1);
        yield* upsertMany(latest, [{ userId, ...wanted, createdAt: nowMs, updatedAt }]);
        const [stored] = yield* findMany(byKey, [[userId, conversationId]]);
        return { draft: stored ?? { ...wanted, updatedAt }, changed: true };
      }),

    async list(userId, { offset, limit, sinceMs }) {
      const nowMs = await db.now();
      const wanted = sinceMs > 0 ? gte(d.updatedAt, sinceMs - overlapMs) : ne(d.content, "");
      const order =
        sinceMs > 0 ? [asc(d.updatedAt), asc(d.conversationId)] : [desc(d.updatedAt), asc(d.conversationId)];
      const rows = await db.q
        .select(columns)
        .from(d)
        .innerJoin(m, and(eq(m.userId, d.userId), eq(m.conversationId, d.conversationId)))
        .where(and(eq(d.userId, userId), wanted))
        .orderBy(...order)
        .limit(limit + 1)
        .offset(offset);
      return { drafts: rows.slice(0, limit), hasMore: rows.length > limit, nowMs };
    },
  };
}

/** The caller has the lock of the member's row. Who hides a conversation from himself drops what he had begun there; his other devices learn it by their next list. */
export function* dropDraft(
  { drafts: d }: Tables,
  tx: Tx,
  userId: bigint,
  conversationId: string,
  nowMs: number,
): Steps<void> {
  const mine = and(eq(d.userId, userId), eq(d.conversationId, conversationId), ne(d.content, ""));
  const [before] = yield* run(tx.q.select({ updatedAt: d.updatedAt }).from(d).where(mine));
  if (before === undefined) return;
  const updatedAt = Math.max(nowMs, before.updatedAt + 1);
  yield* changes(tx.q.update(d).set({ content: "", replyToId: null, updatedAt }).where(mine));
}

/** Nothing of those who left or were removed is kept. */
export function* deleteDrafts(
  { drafts: d }: Tables,
  tx: Tx,
  userIds: readonly bigint[],
  conversationId: string,
): Steps<void> {
  yield* run(tx.q.delete(d).where(and(inArray(d.userId, [...userIds]), eq(d.conversationId, conversationId))));
}
