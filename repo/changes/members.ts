import { create } from "@bufbuild/protobuf";
import { and, eq, inArray } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { findMany, run, type Steps, type UpsertPlan, upsertMany } from "#infra/db/steps.ts";
import { AppError, type ErrorName } from "#proto/errors.ts";
import {
  MemberAddedChangeSchema,
  MemberLeftChangeSchema,
  MemberRemovedChangeSchema,
  RoomModeChangeSchema,
} from "#proto/gen/gochat/common/v1/change_pb.ts";
import { refusalOf } from "#proto/permissions.ts";
import type { ChangeScope } from "../change-scope.ts";
import type { RepoContext } from "../context.ts";
import { conversationType, memberRole } from "../store/conversation.ts";
import { deleteDrafts } from "../store/draft.ts";
import { insertMembers } from "../store/membership.ts";
import type { SenderRow } from "../store/message-row.ts";
import { groupSettingsOf } from "./group-settings.ts";

type Context = Pick<RepoContext, "tables" | "ids" | "config">;

export interface Failure {
  readonly userId: bigint;
  readonly code: ErrorName;
}

export interface Addition {
  readonly userIds: readonly bigint[];
  /** 1 member, 2 admin. */
  readonly role: number;
  /** Of a group whose settings say nothing. */
  readonly membersMax: number;
  /** False: they asked to be let in. Default true. */
  readonly invites?: boolean;
}

/** Adds whom it can, under the lock; answers who could not be. Any member may where `invite_enabled`. Throws
 *  INSUFFICIENT_PERMISSION, OPERATION_NOT_SUPPORTED, CONVERSATION_FULL. */
export function addMembers(context: Context, addition: Addition) {
  return function* (scope: ChangeScope): Steps<Failure[]> {
    const { invite_enabled: open } = groupSettingsOf(scope.conversation);
    scope.permit(open ? "invite" : "add_members");
    if (addition.role !== memberRole.member) scope.permit("set_role");
    return yield* admit(context, scope, addition);
  };
}

/** The same without asking who the operator is. */
export function* admit(
  context: Context,
  scope: ChangeScope,
  { userIds, role, membersMax, invites = true }: Addition,
): Steps<Failure[]> {
  const { conversation, nowMs } = scope;
  const asked = [...new Set(userIds)];
  const accounts = yield* findMany(
    scope.plans.users,
    asked.map((id) => [id]),
  );
  const present = new Set((yield* scope.members(asked)).map(({ userId }) => userId));
  const byId = new Map(accounts.map((account) => [account.id, account]));
  const failed: Failure[] = [];
  const added: SenderRow[] = [];
  for (const userId of asked) {
    const account = byId.get(userId);
    const code = refused(account, present);
    if (code !== undefined) failed.push({ userId, code });
    else if (account !== undefined) added.push(account);
  }
  if (added.length === 0) return failed;
  const { max_members: own, allow_member_view_history: historyShown } = groupSettingsOf(conversation);
  const memberCount = conversation.memberCount + added.length;
  if (memberCount > (own > 0 ? own : membersMax)) throw new AppError("CONVERSATION_FULL");
  const members = added.map(({ id, username }) => ({ userId: id.toString(), username, role }));
  const value = create(MemberAddedChangeSchema, { members, memberCount });
  const facts = invites ? { invitedTo: conversation.name ?? "" } : {};
  const seq = scope.add({ change: { case: "memberAdded", value }, facts });
  yield* insertMembers(
    context,
    conversation.id,
    added.map(({ id: userId }) => ({ userId, role })),
    { lastSeqId: seq, lastMessageNo: conversation.lastMessageNo },
    { nowMs, joinedSeqId: seq, hiddenBeforeSeq: historyShown ? 0n : seq - 1n },
  );
  yield* forgetRemovals(context.tables, scope, added);
  scope.set({ memberCount, membersSeq: seq });
  switchRoom(context, scope, memberCount);
  return failed;
}

function refused(account: SenderRow | undefined, present: ReadonlySet<bigint>): ErrorName | undefined {
  if (account === undefined || account.status !== 0) return "USER_NOT_FOUND";
  if (present.has(account.id)) return "USER_ALREADY_IN_CONVERSATION";
  return account.isGuest ? "GUEST_FORBIDDEN" : undefined;
}

function* forgetRemovals({ conversationRemovals: r }: Tables, scope: ChangeScope, added: SenderRow[]): Steps<void> {
  const ids = added.map(({ id }) => id);
  yield* run(scope.tx.q.delete(r).where(and(inArray(r.userId, ids), eq(r.conversationId, scope.conversation.id))));
}

/** A second row when a limit is passed: on above one, off below another, so that a group at the limit does not swing. */
function switchRoom({ config }: Context, scope: ChangeScope, memberCount: number): void {
  const { isRoom } = scope.conversation;
  const { largeGroupThreshold, roomOffBelow } = config.fanout;
  const room = isRoom ? memberCount >= roomOffBelow : memberCount > largeGroupThreshold;
  if (room === isRoom) return;
  scope.add({ change: { case: "roomMode", value: create(RoomModeChangeSchema, { room, memberCount }) } });
  scope.set({ isRoom: room });
}

type RemovalPlan = UpsertPlan<Tables["conversationRemovals"]>;

/** Once at start: drivers keep its statement. */
export function removalPlan({ conversationRemovals: table }: Tables): RemovalPlan {
  return { table, key: ["userId", "conversationId"], greatest: [], replace: ["seqId", "removedAt", "updatedAt"] };
}

/** Removes those who stand below the operator; answers who could not be. For one user that is thrown instead:
 *  NOT_CONVERSATION_MEMBER (with his `userId`), INSUFFICIENT_PERMISSION. */
export function removeMembers(context: Context, plan: RemovalPlan, userIds: readonly bigint[]) {
  return function* (scope: ChangeScope): Steps<Failure[]> {
    scope.permit("remove_member");
    const asked = [...new Set(userIds)];
    const roles = new Map((yield* scope.members(asked)).map(({ userId, role }) => [userId, role]));
    const failed: Failure[] = [];
    const removed: bigint[] = [];
    for (const userId of asked) {
      const targetRole = roles.get(userId);
      const asks = { type: scope.conversation.type, role: scope.member?.role ?? 0, targetRole: targetRole ?? 0 };
      const code = targetRole === undefined ? "NOT_CONVERSATION_MEMBER" : refusalOf("remove_member", asks);
      if (code === undefined) removed.push(userId);
      else failed.push({ userId, code });
    }
    const [only] = failed;
    if (only !== undefined && asked.length === 1) {
      throw new AppError(only.code, { details: { userId: only.userId.toString() } });
    }
    if (removed.length === 0) return failed;
    const memberCount = scope.conversation.memberCount - removed.length;
    const ids = removed.map(String);
    const value = create(MemberRemovedChangeSchema, { userIds: ids, reason: "removed", memberCount });
    yield* take(context, plan, scope, removed, scope.add({ change: { case: "memberRemoved", value } }));
    return failed;
  };
}

/** Throws CANNOT_LEAVE_CONVERSATION: the owner, a single conversation, the world. */
export function leave(context: Context, plan: RemovalPlan) {
  return function* (scope: ChangeScope): Steps<Failure[]> {
    const { conversation, member, operator } = scope;
    if (member === undefined) throw new AppError("NOT_CONVERSATION_MEMBER");
    const owns = member.role === memberRole.owner && conversation.dissolvedAt === null;
    if (conversation.type !== conversationType.group || owns) throw new AppError("CANNOT_LEAVE_CONVERSATION");
    const memberCount = conversation.memberCount - 1;
    const value = create(MemberLeftChangeSchema, { userIds: [operator.id.toString()], memberCount });
    yield* take(context, plan, scope, [operator.id], scope.add({ change: { case: "memberLeft", value } }));
    return [];
  };
}

/** Read pointers stay: who comes back has not unread what he read. */
function* take(context: Context, plan: RemovalPlan, scope: ChangeScope, userIds: bigint[], seq: bigint): Steps<void> {
  const { conversation, nowMs, tx } = scope;
  const { conversationMembers: m } = context.tables;
  yield* run(tx.q.delete(m).where(and(inArray(m.userId, userIds), eq(m.conversationId, conversation.id))));
  yield* deleteDrafts(context.tables, tx, userIds, conversation.id);
  const times = { removedAt: nowMs, createdAt: nowMs, updatedAt: nowMs };
  const sorted = userIds.toSorted((a, b) => (a < b ? -1 : 1));
  yield* upsertMany(
    plan,
    sorted.map((userId) => ({ userId, conversationId: conversation.id, seqId: seq, ...times })),
  );
  const memberCount = conversation.memberCount - userIds.length;
  scope.set({ memberCount, membersSeq: seq });
  switchRoom(context, scope, memberCount);
}
