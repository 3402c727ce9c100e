import type { ServiceImpl } from "@connectrpc/connect";
import { AppError, ERRORS, isErrorName } from "#proto/errors.ts";
import { ConversationMemberRole } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { FailedUser } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { type MemberFailure, RemovalReason } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import {
  isClientMsgId,
  isId,
  MEMBERS_CHANGE_MAX,
  MUTE_SECONDS_MAX,
  REASON_CHARS_MAX,
  textFault,
} from "#proto/limits.ts";
import type { Changes } from "../changes.ts";
import { requireConversation, requireMember } from "../conversation/access.ts";
import { viewOf } from "../conversation/view.ts";
import type { LogicContext } from "../deps.ts";
import { invalid, optionsOf, requireConversationId, requireUserId } from "./arguments.ts";

type Impl = ServiceImpl<typeof ConversationService>;

export interface MemberOptions {
  readonly groupMembersMax: number;
}

/** Throws INVALID_PARAMETER; an id that no conversation can have is CONVERSATION_NOT_FOUND. */
export function checkConversationChange(operatorId: string, conversationId: string, clientMsgId: string): void {
  requireUserId(operatorId, "operator_id");
  requireConversationId(conversationId);
  if (clientMsgId !== "" && !isClientMsgId(clientMsgId)) throw invalid("client_msg_id");
}

function checkUsers(userIds: readonly string[]): void {
  if (userIds.length === 0 || userIds.length > MEMBERS_CHANGE_MAX || !userIds.every(isId)) throw invalid("user_ids");
}

/** Members of groups (spec 10 §6). Each decides in repo, under the conversation's lock. Errors: NOT_CONVERSATION_MEMBER,
 *  INSUFFICIENT_PERMISSION, OPERATION_NOT_SUPPORTED, CONVERSATION_FULL, CANNOT_LEAVE_CONVERSATION. */
export function memberChangeMethods(
  { repo }: Pick<LogicContext, "repo">,
  changes: Changes,
  options: MemberOptions,
): Pick<Impl, "addMembers" | "removeMembers" | "updateMemberRole" | "leaveConversation" | "muteMember" | "setMuteAll"> {
  return {
    async addMembers({ operatorId, conversationId, userIds, role, clientMsgId }, call) {
      checkConversationChange(operatorId, conversationId, clientMsgId);
      checkUsers(userIds);
      if (role > ConversationMemberRole.ADMIN) throw invalid("role");
      const fields = { conversationId, operatorId, userIds, role, clientMsgId, membersMax: options.groupMembersMax };
      const answer = await changes.run(call, (calls) => repo.conversation.addConversationMember(fields, calls));
      return { success: true, addedUserIds: answer.addedUserIds, failedUsers: answer.failed.map(toFailed) };
    },

    async removeMembers({ operatorId, conversationId, userIds, reason, clientMsgId }, call) {
      checkConversationChange(operatorId, conversationId, clientMsgId);
      checkUsers(userIds);
      if (textFault(reason, REASON_CHARS_MAX) !== undefined) throw invalid("reason");
      const fields = { conversationId, operatorId, userIds, reason: RemovalReason.REMOVED, clientMsgId };
      const answer = await changes.run(call, (calls) => repo.conversation.removeConversationMember(fields, calls));
      return { success: true, removedUserIds: answer.removedUserIds, failedUsers: answer.failed.map(toFailed) };
    },

    async updateMemberRole({ operatorId, conversationId, targetUserId, newRole, clientMsgId }, call) {
      checkConversationChange(operatorId, conversationId, clientMsgId);
      requireUserId(targetUserId, "target_user_id");
      if (newRole < ConversationMemberRole.MEMBER || newRole > ConversationMemberRole.OWNER) throw invalid("new_role");
      const fields = { conversationId, operatorId, userId: targetUserId, newRole, clientMsgId };
      await changes.run(call, (calls) => repo.conversation.updateMemberRole(fields, calls));
      return { success: true };
    },

    async leaveConversation({ userId, conversationId, clientMsgId }, call) {
      checkConversationChange(userId, conversationId, clientMsgId);
      const fields = { conversationId, operatorId: userId, userId, reason: RemovalReason.LEFT, clientMsgId };
      await changes.run(call, (calls) => repo.conversation.removeConversationMember(fields, calls));
      return { success: true };
    },

    async muteMember({ operatorId, conversationId, targetUserId, muted, durationSeconds, clientMsgId }, call) {
      checkConversationChange(operatorId, conversationId, clientMsgId);
      requireUserId(targetUserId, "target_user_id");
      if (durationSeconds < 0n || durationSeconds > BigInt(MUTE_SECONDS_MAX)) throw invalid("duration_seconds");
      const key = { conversationId, operatorId, userId: targetUserId, clientMsgId };
      const fields = { ...key, muted, muteSeconds: durationSeconds, updateMask: ["muted"] };
      const { member } = await changes.run(call, (calls) => repo.conversation.updateMember(fields, calls));
      return member === undefined ? {} : { member };
    },

    async setMuteAll({ operatorId, conversationId, enabled, clientMsgId }, call) {
      checkConversationChange(operatorId, conversationId, clientMsgId);
      const settings = JSON.stringify({ mute_all: enabled });
      const fields = { conversationId, operatorId, settings, updateMask: ["settings"], clientMsgId };
      await changes.run(call, (calls) => repo.conversation.updateConversation(fields, calls));
      const calls = optionsOf(call);
      const [conversation, member] = await Promise.all([
        requireConversation(repo, conversationId, calls),
        requireMember(repo, conversationId, operatorId, calls),
      ]);
      return { conversation: await viewOf(repo, conversation, member, calls) };
    },
  };
}

function toFailed({ userId, errorCode }: MemberFailure): FailedUser {
  if (!isErrorName(errorCode)) throw new AppError("INTERNAL_ERROR");
  return { $typeName: "gochat.common.v1.FailedUser", userId, errorCode, reason: ERRORS[errorCode].message };
}
