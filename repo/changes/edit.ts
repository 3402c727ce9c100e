import { create } from "@bufbuild/protobuf";
import { eq } from "drizzle-orm";
import { run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import { EditChangeSchema } from "#proto/gen/gochat/common/v1/change_pb.ts";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { ChangeScope } from "../change-scope.ts";
import { muteOf } from "../commit-rights.ts";
import { metaText, parseMeta } from "../store/message-meta.ts";
import { type MessageRow, seconds } from "../store/message-row.ts";
import { recallWindowMs } from "./window.ts";

export interface Edit {
  readonly messageId: bigint;
  readonly content: string;
  readonly windowSeconds: number;
  /** `updated_at` of the message as last read, in ms or whole seconds; 0: no check. */
  readonly expectedVersion: number;
}

/** Its sender, who may still speak, within the window. */
function* permitEdit(scope: ChangeScope, target: MessageRow, windowSeconds: number): Steps<void> {
  const { conversation, member, operator, nowMs } = scope;
  scope.permit(target.senderId === operator.id ? "edit_own" : "edit_others");
  const muted = member === undefined ? undefined : muteOf(conversation, member, nowMs);
  if (muted !== undefined) {
    throw new AppError(muted.code, { message: muted.message, details: { mutedUntil: muted.mutedUntil } });
  }
  yield* scope.notBlocked();
  if (target.deleted) throw new AppError("MESSAGE_RECALLED");
  if (target.messageType !== MessageType.TEXT) throw new AppError("UNSUPPORTED_MESSAGE_TYPE");
  if (nowMs - target.createdAt > recallWindowMs(conversation, windowSeconds))
    throw new AppError("RECALL_TIME_EXCEEDED");
}

function isVersion({ updatedAt }: MessageRow, expected: number): boolean {
  return expected === 0 || expected === updatedAt || expected === Math.floor(updatedAt / 1000);
}

/** Puts another text in the place of a message's. The same text: nothing changes. Throws MESSAGE_NOT_FOUND,
 *  INSUFFICIENT_PERMISSION, USER_MUTED, BLOCKED_BY_USER, MESSAGE_RECALLED, UNSUPPORTED_MESSAGE_TYPE,
 *  RECALL_TIME_EXCEEDED, VERSION_CONFLICT. */
export function edit({ messageId, content, windowSeconds, expectedVersion }: Edit) {
  return function* (scope: ChangeScope): Steps<void> {
    const target = yield* scope.message(messageId);
    yield* permitEdit(scope, target, windowSeconds);
    if (!isVersion(target, expectedVersion)) throw new AppError("VERSION_CONFLICT");
    if (target.content === content) return;
    const { tx, plans, nowMs } = scope;
    const { messages: m } = plans;
    const meta = metaText({ ...parseMeta(target.meta), editedAt: nowMs });
    yield* run(tx.q.update(m).set({ content, meta, updatedAt: nowMs }).where(eq(m.id, messageId)));
    const editedAt = seconds(nowMs);
    const value = create(EditChangeSchema, {
      messageId: messageId.toString(),
      targetSeqId: target.seqId,
      content,
      editedAt,
    });
    scope.add({ targetMessageId: messageId, change: { case: "edit", value } });
  };
}
