import { create } from "@bufbuild/protobuf";
import { and, eq } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { insertMany, run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import { ReactionChangeSchema } from "#proto/gen/gochat/common/v1/change_pb.ts";
import { REACTIONS_MAX } from "#proto/limits.ts";
import type { ChangeScope } from "../change-scope.ts";
import { type MessageMeta, metaText, parseMeta } from "../store/message-meta.ts";

export interface ReactionRequest {
  readonly messageId: bigint;
  readonly emoji: string;
  readonly removed: boolean;
}

/** The counts after one more, or one less. Throws REACTION_LIMIT. */
function counted(counts: NonNullable<MessageMeta["reactions"]>, emoji: string, by: 1 | -1): [string, number][] {
  const known = counts.find(([one]) => one === emoji);
  if (known === undefined && by === 1) {
    if (counts.length >= REACTIONS_MAX) throw new AppError("REACTION_LIMIT");
    return [...counts, [emoji, 1]];
  }
  return counts
    .map(([one, count]): [string, number] => [one, one === emoji ? count + by : count])
    .filter(([, count]) => count > 0);
}

/** Adds or takes back the operator's reaction: a row of `message_reactions`, and the counts in the message. Repeating is a
 *  no-op. Throws MESSAGE_NOT_FOUND, NOT_CONVERSATION_MEMBER, BLOCKED_BY_USER, MESSAGE_RECALLED, REACTION_LIMIT. */
export function react(tables: Tables, { messageId, emoji, removed }: ReactionRequest) {
  const { messageReactions: r } = tables;
  return function* (scope: ChangeScope): Steps<void> {
    const { tx, plans, nowMs, operator } = scope;
    scope.permit("react");
    yield* scope.notBlocked();
    const target = yield* scope.standing(messageId);
    const mine = and(eq(r.messageId, messageId), eq(r.userId, operator.id), eq(r.emoji, emoji));
    const [present] = yield* run(tx.q.select({ emoji: r.emoji }).from(r).where(mine));
    if ((present === undefined) === removed) return;
    const meta = parseMeta(target.meta);
    const reactions = counted(meta.reactions ?? [], emoji, removed ? -1 : 1);
    if (removed) yield* run(tx.q.delete(r).where(mine));
    else {
      const times = { createdAt: nowMs, updatedAt: nowMs };
      const { conversationId } = target;
      yield* insertMany(r, [{ messageId, userId: operator.id, emoji, conversationId, ...times }]);
    }
    const { messages: m } = plans;
    const { reactions: _before, ...others } = meta;
    const text = metaText(reactions.length === 0 ? others : { ...others, reactions });
    // Not `updated_at`: a reaction is no new version of the text.
    yield* run(tx.q.update(m).set({ meta: text }).where(eq(m.id, messageId)));
    const value = create(ReactionChangeSchema, {
      messageId: messageId.toString(),
      targetSeqId: target.seqId,
      userId: operator.id.toString(),
      emoji,
      removed,
      count: reactions.find(([one]) => one === emoji)?.[1] ?? 0,
    });
    scope.add({ targetMessageId: messageId, change: { case: "reaction", value } });
  };
}
