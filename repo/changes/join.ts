import { and, eq } from "drizzle-orm";
import { insertMany, run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import type { ChangeScope } from "../change-scope.ts";
import type { RepoContext } from "../context.ts";
import { conversationType, memberRole } from "../store/conversation.ts";
import { groupSettingsOf } from "./group-settings.ts";
import { admit } from "./members.ts";

export const joinStatus = { pending: 1, accepted: 2, rejected: 3 } as const;

type Context = Pick<RepoContext, "tables" | "ids" | "config">;

/** Asks to be let in; makes no row of the stream. Only groups with `join_approval_required` can be asked, into others one
 *  is invited. Throws OPERATION_NOT_SUPPORTED, CONVERSATION_DISSOLVED, GUEST_FORBIDDEN, USER_ALREADY_IN_CONVERSATION,
 *  ALREADY_REQUESTED. */
export function requestJoin({ tables, ids }: Context, message: string) {
  return function* (scope: ChangeScope): Steps<bigint> {
    const { tx, nowMs, operator, conversation, member } = scope;
    const { joinRequests: j } = tables;
    const asked = conversation.type === conversationType.group && groupSettingsOf(conversation).join_approval_required;
    if (member !== undefined) throw new AppError("USER_ALREADY_IN_CONVERSATION");
    if (!asked) throw new AppError("OPERATION_NOT_SUPPORTED");
    if (conversation.dissolvedAt !== null) throw new AppError("CONVERSATION_DISSOLVED");
    if (operator.isGuest) throw new AppError("GUEST_FORBIDDEN");
    const pending = and(
      eq(j.conversationId, conversation.id),
      eq(j.userId, operator.id),
      eq(j.status, joinStatus.pending),
    );
    const [present] = yield* run(tx.q.select({ id: j.id }).from(j).where(pending).limit(1));
    if (present !== undefined) throw new AppError("ALREADY_REQUESTED");
    const id = ids.snowflake();
    const times = { createdAt: nowMs, updatedAt: nowMs };
    const row = { id, conversationId: conversation.id, userId: operator.id, message, status: joinStatus.pending };
    yield* insertMany(j, [{ ...row, ...times }]);
    return id;
  };
}

/** Accepting adds the member. Throws INSUFFICIENT_PERMISSION, JOIN_REQUEST_NOT_FOUND (handled already, too),
 *  CONVERSATION_FULL, USER_NOT_FOUND. */
export function handleJoin(context: Context, requestId: bigint, accepts: boolean, membersMax: number) {
  return function* (scope: ChangeScope): Steps<void> {
    scope.permit("handle_join_requests");
    const { tx, nowMs, operator } = scope;
    const { joinRequests: j } = context.tables;
    const [request] = yield* run(tx.q.select().from(j).where(eq(j.id, requestId)));
    if (request?.status !== joinStatus.pending) throw new AppError("JOIN_REQUEST_NOT_FOUND");
    const status = accepts ? joinStatus.accepted : joinStatus.rejected;
    const fields = { status, handledBy: operator.id, updatedAt: nowMs };
    yield* run(tx.q.update(j).set(fields).where(eq(j.id, requestId)));
    if (!accepts) return;
    const addition = { userIds: [request.userId], role: memberRole.member, membersMax, invites: false };
    const [failure] = yield* admit(context, scope, addition);
    if (failure !== undefined && failure.code !== "USER_ALREADY_IN_CONVERSATION") throw new AppError(failure.code);
  };
}
