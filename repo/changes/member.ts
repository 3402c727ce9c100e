import { create } from "@bufbuild/protobuf";
import { and, eq } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import { MemberMuteChangeSchema, MemberRoleChangeSchema } from "#proto/gen/gochat/common/v1/change_pb.ts";
import type { ChangeScope } from "../change-scope.ts";
import { memberRole } from "../store/conversation.ts";
import type { MemberRow } from "../store/conversation-row.ts";
import { seconds } from "../store/message-row.ts";

/** Throws NOT_CONVERSATION_MEMBER with the target's `userId`. */
function* targetOf(scope: ChangeScope, userId: bigint): Steps<MemberRow> {
  const [target] = yield* scope.members([userId]);
  if (target === undefined) {
    throw new AppError("NOT_CONVERSATION_MEMBER", { details: { userId: userId.toString() } });
  }
  return target;
}

type Fields = Partial<Pick<MemberRow, "role" | "muted" | "mutedUntil">>;

function* setMember(
  { conversationMembers: m }: Tables,
  scope: ChangeScope,
  userId: bigint,
  fields: Fields,
): Steps<void> {
  const one = and(eq(m.userId, userId), eq(m.conversationId, scope.conversation.id));
  yield* run(
    scope.tx.q
      .update(m)
      .set({ ...fields, updatedAt: scope.nowMs })
      .where(one),
  );
}

function* setRole(
  tables: Tables,
  scope: ChangeScope,
  { userId, role: oldRole }: Pick<MemberRow, "userId" | "role">,
  role: number,
): Steps<void> {
  yield* setMember(tables, scope, userId, { role });
  const value = create(MemberRoleChangeSchema, { userId: userId.toString(), role });
  const facts = { oldValues: { role: oldRole.toString() } };
  scope.add({ change: { case: "memberRole", value }, facts });
}

/** The owner's: 1 member, 2 admin, 3 hands the group over and becomes an admin, a row for each of the two. The present
 *  role: nothing changes. Throws NOT_CONVERSATION_MEMBER, INSUFFICIENT_PERMISSION, OPERATION_NOT_SUPPORTED. */
export function changeRole(tables: Tables, userId: bigint, role: number) {
  return function* (scope: ChangeScope): Steps<void> {
    scope.permit(role === memberRole.owner ? "transfer_owner" : "set_role");
    const target = yield* targetOf(scope, userId);
    if (target.role === role) return;
    // A group has an owner.
    if (target.role === memberRole.owner) throw new AppError("OPERATION_NOT_SUPPORTED");
    yield* setRole(tables, scope, target, role);
    if (role !== memberRole.owner) return;
    const before = { userId: scope.operator.id, role: scope.member?.role ?? memberRole.owner };
    yield* setRole(tables, scope, before, memberRole.admin);
    scope.set({ ownerId: userId });
  };
}

/** `durationMs` 0: until it is lifted. Throws NOT_CONVERSATION_MEMBER, INSUFFICIENT_PERMISSION. */
export function mute(tables: Tables, userId: bigint, muted: boolean, durationMs: number) {
  return function* (scope: ChangeScope): Steps<void> {
    scope.permit("mute_member");
    const target = yield* targetOf(scope, userId);
    scope.permit("mute_member", target.role);
    const mutedUntil = muted && durationMs > 0 ? scope.nowMs + durationMs : null;
    if (target.muted === muted && mutedUntil === null && target.mutedUntil === null) return;
    yield* setMember(tables, scope, userId, { muted, mutedUntil });
    const value = create(MemberMuteChangeSchema, {
      userId: userId.toString(),
      muted,
      mutedUntil: seconds(mutedUntil),
    });
    scope.add({ change: { case: "memberMute", value } });
  };
}
