import type { ServiceImpl } from "@connectrpc/connect";
import type { Once } from "#infra/once/once.ts";
import { AppError } from "#proto/errors.ts";
import { ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationService, GetMembersRequest } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { PAGE_SIZE_MAX, QUERY_CHARS_MAX, ROOM_USERS_MAX, SEQ_MAX, textFault } from "#proto/limits.ts";
import { areGuestsAllowed } from "../auth/accounts.ts";
import { requireConversation, requireMember } from "../conversation/access.ts";
import { createConversationOnce } from "../conversation/create-once.ts";
import type { ConversationEvents } from "../conversation/events.ts";
import { checkHistoryQuery, readHistory } from "../conversation/history.ts";
import { worldId } from "../conversation/ids.ts";
import { listConversations } from "../conversation/list.ts";
import { syncMessages } from "../conversation/sync.ts";
import { viewOf } from "../conversation/view.ts";
import type { LogicContext } from "../deps.ts";
import { invalid, optionsOf, pageOf, requireConversationId, requireUserId } from "./arguments.ts";

/** Members that come with a conversation; more are paged by GetMembers. */
const membersWithMax = 200;
const searchedMax = 50;

export interface ConversationDeps extends Pick<LogicContext, "repo"> {
  readonly events: ConversationEvents;
  /** Remembers creations by the caller's key. */
  readonly once: Once;
}

export interface ConversationOptions {
  readonly groupMembersMax: number;
}

/** gochat.logic.v1.ConversationService: lists, history, read state and creation, each checked against the database (G7).
 *  Changes of a conversation that exists answer `unimplemented` so far. */
export function conversationService(
  { repo, events, once }: ConversationDeps,
  options: ConversationOptions,
): Partial<ServiceImpl<typeof ConversationService>> {
  return {
    ...reads({ repo }),
    ...readState({ repo }, events),

    async createConversation(request, call) {
      const calls = optionsOf(call);
      const made = await createConversationOnce({ repo, once }, request, options, calls);
      if (made.created && !made.replayed) events.created(made.conversation, request.creatorId, made.memberIds);
      const member = await requireMember(repo, made.conversation.id, request.creatorId, calls);
      return { conversation: await viewOf(repo, made.conversation, member, calls), created: made.created };
    },

    async joinWorldChat({ userId }, call) {
      requireUserId(userId);
      const calls = optionsOf(call);
      const [conversation, { user }] = await Promise.all([
        requireConversation(repo, worldId, calls),
        repo.user.getUser({ userId }, calls),
      ]);
      if (user?.isGuest === true && !areGuestsAllowed(conversation.settings)) throw new AppError("GUEST_DISABLED");
      // Every account is a member from its creation on; joining again changes nothing.
      const member = await requireMember(repo, worldId, userId, calls);
      return { success: true, conversation: await viewOf(repo, conversation, member, calls) };
    },
  };
}

type Part = Partial<ServiceImpl<typeof ConversationService>>;

function reads({ repo }: Pick<LogicContext, "repo">): Part {
  return {
    async getConversation({ userId, conversationId, includeMembers }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      const calls = optionsOf(call);
      const member = await requireMember(repo, conversationId, userId, calls);
      const conversation = await requireConversation(repo, conversationId, calls);
      // The world's members are never listed: everybody is one.
      const withMembers = includeMembers && conversation.type !== ConversationType.WORLD;
      const [view, members] = await Promise.all([
        viewOf(repo, conversation, member, calls),
        withMembers ? repo.conversation.getConversationMembers({ conversationId, limit: membersWithMax }, calls) : null,
      ]);
      return { conversation: view, members: members?.members ?? [] };
    },

    async getConversations({ userId, page, pageSize, typeFilter }, call) {
      requireUserId(userId);
      const at = pageOf(page, pageSize);
      const list = await listConversations(
        repo,
        {
          userId,
          offset: at.offset,
          limit: at.pageSize,
          typeFilter,
          withLastMessage: true,
          withUnreadCount: true,
          updatedSince: 0n,
        },
        optionsOf(call),
      );
      const { conversations, total, hasMore } = list;
      return { conversations, total, page: at.page, pageSize: at.pageSize, hasMore };
    },

    async getConversationsOptimized(request, call) {
      requireUserId(request.userId);
      if (request.lastSyncTime < 0n) throw invalid("last_sync_time");
      const incremental = request.lastSyncTime > 0n;
      const at = incremental ? pageOf(1, request.limit) : pageOf(request.page, request.pageSize);
      const list = await listConversations(
        repo,
        {
          userId: request.userId,
          offset: at.offset,
          limit: at.pageSize,
          typeFilter: request.typeFilter,
          withLastMessage: request.includeLastMessage,
          withUnreadCount: request.includeUnreadCount,
          updatedSince: request.lastSyncTime,
        },
        optionsOf(call),
      );
      return { ...list, page: at.page, pageSize: at.pageSize };
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

    getMembers: (request, call) => getMembers({ repo }, request, optionsOf(call)),

    async getMessages(request, call) {
      requireUserId(request.userId);
      checkHistoryQuery(request);
      const conversationId = requireConversationId(request.conversationId);
      const calls = optionsOf(call);
      const member = await requireMember(repo, conversationId, request.userId, calls);
      return await readHistory(repo, request, member, calls);
    },

    async syncMessages(request, call) {
      requireUserId(request.userId);
      return { results: await syncMessages(repo, request, optionsOf(call)) };
    },

    async searchConversations({ userId, query, typeFilter, limit }, call) {
      requireUserId(userId);
      const wanted = query.trim().toLowerCase();
      if (wanted === "" || textFault(wanted, QUERY_CHARS_MAX) !== undefined) throw invalid("query");
      if (limit < 0 || limit > searchedMax) throw invalid("limit");
      const list = await listConversations(
        repo,
        {
          userId,
          offset: 0,
          // The newest of the caller's own conversations, by name, in memory.
          limit: PAGE_SIZE_MAX,
          typeFilter,
          withLastMessage: false,
          withUnreadCount: false,
          updatedSince: 0n,
        },
        optionsOf(call),
      );
      const found = list.conversations.filter(({ name }) => name.toLowerCase().includes(wanted));
      return { conversations: found.slice(0, limit === 0 ? searchedMax : limit) };
    },
  };
}

async function getMembers(
  { repo }: Pick<LogicContext, "repo">,
  request: GetMembersRequest,
  calls: ReturnType<typeof optionsOf>,
) {
  requireUserId(request.userId);
  const conversationId = requireConversationId(request.conversationId);
  const at = pageOf(request.page, request.pageSize);
  await requireMember(repo, conversationId, request.userId, calls);
  if (conversationId === worldId) throw new AppError("OPERATION_NOT_SUPPORTED");
  const { members, total, hasMore } = await repo.conversation.getConversationMembers(
    { conversationId, offset: at.offset, limit: at.pageSize, roleFilter: request.roleFilter },
    calls,
  );
  return { members, total, page: at.page, pageSize: at.pageSize, hasMore };
}

function readState({ repo }: Pick<LogicContext, "repo">, events: ConversationEvents): Part {
  return {
    async markAsRead({ userId, conversationId, seqId }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      if (seqId < 0n || seqId > BigInt(SEQ_MAX)) throw invalid("seq_id");
      const calls = optionsOf(call);
      await requireMember(repo, conversationId, userId, calls);
      const moved = await repo.conversation.updateReadPointer({ userId, conversationId, seqId }, calls);
      if (moved.lastReadSeqId > moved.previousSeqId) {
        events.read(conversationId, userId, moved.previousSeqId, moved.lastReadSeqId);
      }
      return { success: true, unreadCount: moved.unreadCount, lastReadSeqId: moved.lastReadSeqId };
    },

    async getUnreadCount({ userId, conversationId }, call) {
      requireUserId(userId);
      const calls = optionsOf(call);
      if (conversationId !== "") {
        await requireMember(repo, requireConversationId(conversationId), userId, calls);
        const { unreadCount } = await repo.conversation.getUnreadCount({ userId, conversationId }, calls);
        return { unreadCount, conversationCounts: { [conversationId]: unreadCount } };
      }
      const { counts } = await repo.conversation.batchGetUnreadCounts({ userId, conversationIds: [] }, calls);
      let unreadCount = 0n;
      for (const count of Object.values(counts)) unreadCount += count;
      return { unreadCount, conversationCounts: counts };
    },
  };
}
