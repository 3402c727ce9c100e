import { and, eq } from "drizzle-orm";
import { changes, findMany, now } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import type { RepoContext } from "../context.ts";
import { conversationColumns } from "./conversation-row.ts";
import { dropDraft } from "./draft.ts";
import { movePointers } from "./membership.ts";

export interface PersonalSettings {
  readonly pinned?: boolean;
  readonly notifyMuted?: boolean;
  /** Hides everything that is stored now, and reads it: "delete the conversation for me". */
  readonly hidden?: true;
}

/** Hides a conversation without rows until it has one: 0 says that nothing is hidden. */
const hiddenEmpty = -1n;

/** What a member decides for himself: no row of the stream, no lock on the conversation (spec 40 §7). */
export function createPersonalSettings(context: Pick<RepoContext, "db" | "tables" | "ids" | "writes">) {
  const { db, tables } = context;
  const { conversations: c, conversationMembers: m } = tables;
  const byId = { table: c, columns: conversationColumns(tables), by: [c.id] };
  return {
    /** Throws CONVERSATION_NOT_FOUND, NOT_CONVERSATION_MEMBER. */
    async set(conversationId: string, userId: bigint, { pinned, notifyMuted, hidden }: PersonalSettings) {
      await db.transaction(function* (tx) {
        const [conversation] = yield* findMany(byId, [[conversationId]]);
        if (conversation === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
        context.writes?.only(conversationId);
        const nowMs = yield* now();
        const fields = {
          ...(pinned === undefined ? {} : { pinnedAt: pinned ? nowMs : null }),
          ...(notifyMuted === undefined ? {} : { notifyMuted }),
          ...(hidden === undefined ? {} : { hiddenBeforeSeq: conversation.lastSeqId || hiddenEmpty }),
        };
        const one = and(eq(m.userId, userId), eq(m.conversationId, conversationId));
        const found = yield* changes(
          tx.q
            .update(m)
            .set({ ...fields, updatedAt: nowMs })
            .where(one),
        );
        if (found === 0) throw new AppError("NOT_CONVERSATION_MEMBER");
        if (hidden !== true) return;
        yield* movePointers(context, conversationId, [userId], conversation, nowMs);
        yield* dropDraft(tables, tx, userId, conversationId, nowMs);
      });
    },
  };
}
