import type { ServiceImpl } from "@connectrpc/connect";
import { WORLD_ID } from "#proto/conversation-ids.ts";
import { AppError } from "#proto/errors.ts";
import { ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { ROOM_USERS_MAX } from "#proto/limits.ts";
import { requireConversation, requireMember } from "../conversation/access.ts";
import { checkHistoryQuery, readHistory } from "../conversation/history.ts";
import { syncMessages } from "../conversation/sync.ts";
import { viewOf } from "../conversation/view.ts";
import type { LogicContext } from "../deps.ts";
import { invalid, optionsOf, pageOf, requireConversationId, requireUserId } from "./arguments.ts";
import { announcementOf } from "./conversation-changes.ts";

/** Members that come with a conversation; more are paged by GetMembers. */
const membersWithMax = 200;

type Impl = ServiceImpl<typeof ConversationService>;
type Deps = Pick<LogicContext, "repo">;

/** One conversation and its members. Errors: CONVERSATION_NOT_FOUND, NOT_CONVERSATION_MEMBER, OPERATION_NOT_SUPPORTED. */
export function memberMethods({ repo }: Deps): Pick<Impl, "getConversation" | "getMembers" | "getRooms"> {
  return {
    async getConversation({ userId, conversationId, includeMembers }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      const calls = optionsOf(call);
      const member = await requireMember(repo, conversationId, userId, calls);
      const conversation = await requireConversation(repo, conversationId, calls);
      // The world's members are never listed: everybody is one.
      const withMembers = includeMembers && conversation.type !== ConversationType.WORLD;
      const isGroup = conversation.type === ConversationType.GROUP;
      const [view, members, announced] = await Promise.all([
        viewOf(repo, conversation, member, calls),
        withMembers ? repo.conversation.getConversationMembers({ conversationId, limit: membersWithMax }, calls) : null,
        isGroup ? repo.conversation.getAnnouncement({ conversationId }, calls) : null,
      ]);
      return { conversation: view, members: members?.members ?? [], ...announcementOf(announced?.announcement) };
    },

    async getMembers(request, call) {
      const { userId, roleFilter } = request;
      requireUserId(userId);
      const conversationId = requireConversationId(request.conversationId);
      const at = pageOf(request.page, request.pageSize);
      const calls = optionsOf(call);
      await requireMember(repo, conversationId, userId, calls);
      if (conversationId === WORLD_ID) throw new AppError("OPERATION_NOT_SUPPORTED");
      const { members, total, hasMore } = await repo.conversation.getConversationMembers(
        { conversationId, offset: at.offset, limit: at.pageSize, roleFilter },
        calls,
      );
      return { members, total, page: at.page, pageSize: at.pageSize, hasMore };
    },

    async getRooms({ userIds }, call) {
      if (userIds.length > ROOM_USERS_MAX) throw invalid("user_ids");
      for (const userId of userIds) requireUserId(userId, "user_ids");
      const { users } = await repo.conversation.getUserRooms({ userIds }, optionsOf(call));
      return {
        users: users.map(({ userId, rooms }) => ({
          userId,
          rooms: rooms.map(({ conversationId, membersSeq }) => ({ conversationId, membersSeq })),
        })),
      };
    },
  };
}

/** The rows of the caller's conversations. Errors: as above; a sync answers them per conversation. */
export function historyMethods({ repo }: Deps): Pick<Impl, "getMessages" | "syncMessages"> {
  return {
    async getMessages(request, call) {
      requireUserId(request.userId);
      checkHistoryQuery(request);
      requireConversationId(request.conversationId);
      return await readHistory(repo, request, request.userId, optionsOf(call));
    },

    async syncMessages(request, call) {
      requireUserId(request.userId);
      return { results: await syncMessages(repo, request, optionsOf(call)) };
    },
  };
}
