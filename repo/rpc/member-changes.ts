import type { ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { ConversationMember } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { type ConversationService, RemovalReason } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { MEMBERS_CHANGE_MAX, MUTE_SECONDS_MAX } from "#proto/limits.ts";
import { type Changed, changeHash, createChanger } from "../change.ts";
import { changeRowsOf } from "../change-rows.ts";
import { changeRole, mute } from "../changes/member.ts";
import { addMembers, type Failure, leave, removalPlan, removeMembers } from "../changes/members.ts";
import type { RepoContext } from "../context.ts";
import type { RouteFinder } from "../routes.ts";
import { changeOf } from "../store/change-meta.ts";
import { memberRole } from "../store/conversation.ts";
import { createMemberStore } from "../store/conversation-members.ts";
import { createPersonalSettings } from "../store/personal-settings.ts";
import { idOf, invalid } from "./arguments.ts";
import { clientMsgIdOf } from "./message-changes.ts";

type Impl = ServiceImpl<typeof ConversationService>;
type Of<M extends keyof Impl> = Pick<Impl, M>;

export interface KeyFields {
  readonly conversationId: string;
  readonly operatorId: string;
  readonly clientMsgId: string;
}

/** The identity of a change of a conversation. Throws INVALID_PARAMETER. */
export function keyOf({ conversationId, operatorId, clientMsgId }: KeyFields, operation: string, ...args: string[]) {
  if (conversationId === "") throw invalid("conversation_id");
  return {
    conversationId,
    operatorId: idOf(operatorId, "operator_id"),
    clientMsgId: clientMsgIdOf(clientMsgId),
    hash: changeHash(operation, ...args),
  };
}

/** The `+rows` methods of members in gochat.repo.v1.ConversationService. Errors: as the bodies of `repo/changes/`. */
export function memberChangeMethods(
  context: RepoContext,
  routes: RouteFinder,
): Of<"addConversationMember" | "removeConversationMember" | "updateMemberRole" | "updateMember" | "transferOwner"> {
  const { tables } = context;
  const changer = createChanger(context);
  const plan = removalPlan(tables);
  const members = createMemberStore(context);
  const settings = createPersonalSettings(context);
  const rowsOf = (changed: Changed<unknown>) => changeRowsOf(context, routes, changed);

  async function memberOf(conversationId: string, userId: string): Promise<ConversationMember> {
    const [member] = await members.membership(conversationId, [idOf(userId, "user_id")]);
    if (member === undefined) throw new AppError("NOT_CONVERSATION_MEMBER", { details: { userId } });
    return member;
  }

  async function setRole(request: KeyFields & { userId: string }, role: number) {
    const { userId } = request;
    const key = keyOf(request, "role", userId, role.toString());
    return await changer.run(key, changeRole(tables, idOf(userId, "user_id"), role));
  }

  return {
    async addConversationMember(request) {
      const userIds = usersOf(request.userIds);
      const role: number = request.role === 0 ? memberRole.member : request.role;
      if (role !== memberRole.member && role !== memberRole.admin) throw invalid("role");
      if (request.membersMax < 1) throw invalid("members_max");
      const key = keyOf(request, "add", role.toString(), ...userIds.map(String));
      const addition = { userIds, role, membersMax: request.membersMax };
      const changed = await changer.run(key, addMembers(context, addition));
      const outcome = outcomeOf(changed);
      return { ...outcome, addedUserIds: outcome.userIds, changes: await rowsOf(changed) };
    },

    async removeConversationMember(request) {
      const userIds = usersOf(request.userId === "" ? request.userIds : [request.userId, ...request.userIds]);
      const left = request.reason === RemovalReason.LEFT;
      if (left && (userIds.length !== 1 || request.operatorId !== userIds[0]?.toString())) throw invalid("user_ids");
      const key = keyOf(request, left ? "leave" : "remove", ...userIds.map(String));
      const body = left ? leave(context, plan) : removeMembers(context, plan, userIds);
      const changed = await changer.run(key, body);
      const outcome = outcomeOf(changed);
      return { ...outcome, removedUserIds: outcome.userIds, changes: await rowsOf(changed) };
    },

    async updateMemberRole(request) {
      const role: number = request.newRole;
      if (role < memberRole.member || role > memberRole.owner) throw invalid("new_role");
      const changed = await setRole(request, role);
      const { conversationId, userId } = request;
      return { success: true, member: await memberOf(conversationId, userId), changes: await rowsOf(changed) };
    },

    async transferOwner(request) {
      const changed = await setRole({ ...request, userId: request.newOwnerId }, memberRole.owner);
      return { changes: await rowsOf(changed) };
    },

    async updateMember(request) {
      const { conversationId, userId, updateMask: mask } = request;
      const user = idOf(userId, "user_id");
      if (!mask.includes("muted")) {
        await settings.set(conversationId, user, {
          ...(mask.includes("pinned_at") ? { pinned: request.pinnedAt !== 0n } : {}),
          ...(mask.includes("notify_muted") ? { notifyMuted: request.notifyMuted } : {}),
          ...(mask.includes("hidden_before_seq") ? { hidden: true } : {}),
        });
        return { success: true, member: await memberOf(conversationId, userId) };
      }
      const seconds = request.muteSeconds;
      if (seconds < 0n || seconds > BigInt(MUTE_SECONDS_MAX)) throw invalid("mute_seconds");
      const key = keyOf(request, "mute", userId, String(request.muted), seconds.toString());
      const changed = await changer.run(key, mute(tables, user, request.muted, Number(seconds) * 1000));
      return { success: true, member: await memberOf(conversationId, userId), changes: await rowsOf(changed) };
    },
  };
}

function usersOf(ids: readonly string[]): bigint[] {
  if (ids.length === 0 || ids.length > MEMBERS_CHANGE_MAX) throw invalid("user_ids");
  return [...new Set(ids)].map((id) => idOf(id, "user_ids"));
}

/** What a member change came to; of a repeat, as its row says. */
function outcomeOf(changed: Changed<Failure[]>) {
  const [row] = changed.rows;
  const change = row === undefined ? undefined : changeOf(row.changeType, row.meta);
  const userIds =
    change?.case === "memberAdded"
      ? change.value.members.map(({ userId }) => userId)
      : change?.case === "memberRemoved" || change?.case === "memberLeft"
        ? change.value.userIds
        : [];
  const failed = (changed.value ?? []).map(({ userId, code }) => ({
    $typeName: "gochat.repo.v1.MemberFailure" as const,
    userId: userId.toString(),
    errorCode: code,
  }));
  const { isRoom, memberCount } = changed.conversation;
  return { success: true, userIds, failed, isRoom, memberCount };
}
