import { create } from "@bufbuild/protobuf";
import { and, eq } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { insertMany, run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import { PinChangeSchema, UnpinChangeSchema } from "#proto/gen/gochat/common/v1/change_pb.ts";
import { PINS_MAX } from "#proto/limits.ts";
import type { ChangeScope } from "../change-scope.ts";

/** Pins a message of its conversation, `pinId` names the row. Pinned already: nothing changes. Throws MESSAGE_NOT_FOUND,
 *  INSUFFICIENT_PERMISSION, BLOCKED_BY_USER, MESSAGE_RECALLED, PIN_LIMIT. */
export function pin({ messagePins: p }: Tables, messageId: bigint, pinId: bigint) {
  return function* (scope: ChangeScope): Steps<void> {
    const { tx, nowMs, operator } = scope;
    scope.permit("pin");
    yield* scope.notBlocked();
    const { seqId, conversationId } = yield* scope.standing(messageId);
    const pins = yield* run(
      tx.q.select({ messageId: p.messageId }).from(p).where(eq(p.conversationId, conversationId)).limit(PINS_MAX),
    );
    if (pins.some((one) => one.messageId === messageId)) return;
    if (pins.length >= PINS_MAX) throw new AppError("PIN_LIMIT");
    const times = { createdAt: nowMs, updatedAt: nowMs };
    yield* insertMany(p, [{ id: pinId, conversationId, messageId, seqId, pinnedBy: operator.id, ...times }]);
    const value = create(PinChangeSchema, { messageId: messageId.toString(), targetSeqId: seqId });
    scope.add({ targetMessageId: messageId, change: { case: "pin", value } });
  };
}

/** Not pinned: nothing changes. A recall has taken the pin away already. Throws as `pin`. */
export function unpin({ messagePins: p }: Tables, messageId: bigint) {
  return function* (scope: ChangeScope): Steps<void> {
    scope.permit("pin");
    yield* scope.notBlocked();
    const { seqId, conversationId } = yield* scope.message(messageId);
    const one = and(eq(p.conversationId, conversationId), eq(p.messageId, messageId));
    const [present] = yield* run(scope.tx.q.select({ id: p.id }).from(p).where(one));
    if (present === undefined) return;
    yield* run(scope.tx.q.delete(p).where(one));
    const value = create(UnpinChangeSchema, { messageId: messageId.toString(), targetSeqId: seqId });
    scope.add({ targetMessageId: messageId, change: { case: "unpin", value } });
  };
}
