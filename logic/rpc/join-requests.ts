import type { ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import {
  type ConversationService,
  type JoinRequest,
  JoinRequestAction,
  type JoinRequestStatus,
} from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import type { JoinRequest as JoinRequestRow } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FRIEND_MESSAGE_CHARS_MAX, isClientMsgId, isId, textFault } from "#proto/limits.ts";
import { refusalOf } from "#proto/permissions.ts";
import type { Changes } from "../changes.ts";
import { requireConversation, requireMember } from "../conversation/access.ts";
import type { LogicContext } from "../deps.ts";
import { invalid, optionsOf, pageOf, requireConversationId, requireUserId } from "./arguments.ts";
import type { MemberOptions } from "./members.ts";

type Impl = ServiceImpl<typeof ConversationService>;

/** Joining with approval (spec 10 §6). Errors: ALREADY_REQUESTED, JOIN_REQUEST_NOT_FOUND, CONVERSATION_FULL,
 *  USER_ALREADY_IN_CONVERSATION, OPERATION_NOT_SUPPORTED, INSUFFICIENT_PERMISSION. */
export function joinRequestMethods(
  { repo }: Pick<LogicContext, "repo">,
  changes: Changes,
  options: MemberOptions,
): Pick<Impl, "requestJoin" | "listJoinRequests" | "handleJoinRequest"> {
  return {
    async requestJoin({ userId, conversationId, message }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      if (textFault(message, FRIEND_MESSAGE_CHARS_MAX) !== undefined) throw invalid("message");
      const asked = { userId, conversationId, message };
      return toAnswer((await repo.conversation.createJoinRequest(asked, optionsOf(call))).request);
    },

    async listJoinRequests({ userId, conversationId, status, page, pageSize }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      const at = pageOf(page, pageSize);
      const calls = optionsOf(call);
      const member = await requireMember(repo, conversationId, userId, calls);
      const { type } = await requireConversation(repo, conversationId, calls);
      const refusal = refusalOf("handle_join_requests", { type, role: member.role });
      if (refusal !== undefined) throw new AppError(refusal);
      const window = { offset: at.offset, limit: at.pageSize };
      const { requests, total } = await repo.conversation.listJoinRequests(
        { conversationId, status, ...window },
        calls,
      );
      const hasMore = BigInt(at.offset + requests.length) < total;
      return { requests: requests.map(toRequest), total, page: at.page, pageSize: at.pageSize, hasMore };
    },

    async handleJoinRequest({ userId, conversationId, requestId, action, clientMsgId }, call) {
      requireUserId(userId);
      if (conversationId !== "") requireConversationId(conversationId);
      if (!isId(requestId)) throw new AppError("JOIN_REQUEST_NOT_FOUND");
      if (clientMsgId !== "" && !isClientMsgId(clientMsgId)) throw invalid("client_msg_id");
      if (action !== JoinRequestAction.ACCEPT && action !== JoinRequestAction.REJECT) throw invalid("action");
      const accept = action === JoinRequestAction.ACCEPT;
      const key = { conversationId, requestId, operatorId: userId, clientMsgId };
      const fields = { ...key, accept, membersMax: options.groupMembersMax };
      return toAnswer((await changes.run(call, (calls) => repo.conversation.handleJoinRequest(fields, calls))).request);
    },
  };
}

function toAnswer(row: JoinRequestRow | undefined): { request?: JoinRequest } {
  return row === undefined ? {} : { request: toRequest(row) };
}

function toRequest(row: JoinRequestRow): JoinRequest {
  return { ...row, $typeName: "gochat.logic.v1.JoinRequest", status: row.status as JoinRequestStatus };
}
