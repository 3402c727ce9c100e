import { create } from "@bufbuild/protobuf";
import { and, eq } from "drizzle-orm";
import { run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import { RecallChangeSchema } from "#proto/gen/gochat/common/v1/change_pb.ts";
import type { ChangeScope } from "../change-scope.ts";
import type { RepoContext } from "../context.ts";
import { recalledDetail, record } from "../store/audit.ts";
import { type MessageRow, seconds } from "../store/message-row.ts";
import { recallWindowMs } from "./window.ts";

/** Throws INSUFFICIENT_PERMISSION, RECALL_TIME_EXCEEDED: its sender within the window, or who stands above him. */
function* permitRecall(scope: ChangeScope, target: MessageRow, windowSeconds: number): Steps<void> {
  if (target.senderId !== scope.operator.id) {
    scope.permit("recall_others", yield* scope.roleOf(target.senderId));
    return;
  }
  scope.permit("recall_own");
  if (target.deleted) return;
  const windowMs = recallWindowMs(scope.conversation, windowSeconds);
  if (scope.nowMs - target.createdAt > windowMs) throw new AppError("RECALL_TIME_EXCEEDED");
}

/** Makes a tombstone: content, extra and reactions are gone, replies and edits show nothing of it any more; the audit log
 *  alone keeps a copy (spec 30 §4). Recalled before by the same operator: nothing changes. Throws MESSAGE_NOT_FOUND,
 *  MESSAGE_RECALLED and what `permitRecall` throws. */
export function recall(
  context: Pick<RepoContext, "tables" | "ids">,
  messageId: bigint,
  reason: string,
  windowSeconds: number,
) {
  return function* (scope: ChangeScope): Steps<void> {
    const target = yield* scope.message(messageId);
    yield* permitRecall(scope, target, windowSeconds);
    if (target.deleted) {
      if (target.recalledBy === scope.operator.id) return;
      throw new AppError("MESSAGE_RECALLED");
    }
    const { tx, plans, nowMs } = scope;
    const { messages: m } = plans;
    const { messageReactions: r, messagePins: p } = context.tables;
    yield* record(context, {
      actorId: scope.operator.id,
      action: "message.recall",
      objectType: "message",
      objectId: messageId.toString(),
      detail: recalledDetail(target, reason),
      atMs: nowMs,
    });
    const gone = { deleted: true, content: "", extra: null, meta: null };
    const who = { recalledBy: scope.operator.id, recalledAt: nowMs, updatedAt: nowMs };
    yield* run(
      tx.q
        .update(m)
        .set({ ...gone, ...who })
        .where(eq(m.id, messageId)),
    );
    yield* run(tx.q.delete(r).where(eq(r.messageId, messageId)));
    yield* run(tx.q.delete(p).where(and(eq(p.conversationId, target.conversationId), eq(p.messageId, messageId))));
    const recalledAt = seconds(nowMs);
    const value = create(RecallChangeSchema, {
      messageId: messageId.toString(),
      targetSeqId: target.seqId,
      recalledAt,
      reason,
    });
    scope.add({ targetMessageId: messageId, change: { case: "recall", value } });
  };
}
