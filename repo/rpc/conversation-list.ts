import type { ServiceImpl } from "@connectrpc/connect";
import { type Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type {
  ConversationDetails,
  ConversationService,
  GetUserConversationsRequest,
  GetUserConversationsWithDetailsRequest,
} from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { ConversationList, ListedConversation, ListQuery } from "../store/conversation-list.ts";
import { type ConversationRow, toConversation, toMember } from "../store/conversation-row.ts";
import { seconds } from "../store/message-row.ts";
import { idOf, invalid } from "./arguments.ts";

const pageRowsDefault = 50;
/** Conversations of one page of a list. */
const pageRowsMax = 200;

type Impl = ServiceImpl<typeof ConversationService>;

export type Present = (rows: readonly ConversationRow[]) => Promise<Conversation[]>;

/** Nobody writes the world's member count: it is counted when somebody asks. */
export function presenter(worldCount: () => Promise<number>): Present {
  return async (rows) => {
    const conversations = rows.map(toConversation);
    for (const conversation of conversations) {
      if (conversation.type === ConversationType.WORLD) conversation.memberCount = await worldCount();
    }
    return conversations;
  };
}

function listQuery(request: GetUserConversationsRequest | GetUserConversationsWithDetailsRequest): ListQuery {
  const { userId, offset, limit, typeFilter } = request;
  if (offset < 0) throw invalid("offset");
  const rows = limit <= 0 ? pageRowsDefault : Math.min(limit, pageRowsMax);
  return { userId: idOf(userId, "user_id"), offset, limit: rows, type: typeFilter };
}

/** The reads of a user's list. */
export function listMethods(
  list: ConversationList,
  present: Present,
): Pick<Impl, "getUserConversations" | "getUserConversationsWithDetails"> {
  async function details(
    items: readonly ListedConversation[],
    { includeLastMessage, includeSenderInfo }: GetUserConversationsWithDetailsRequest,
  ): Promise<ConversationDetails[]> {
    const conversations = await present(items.map((item) => item.conversation));
    return items.map((item, at) => {
      const conversation = conversations[at];
      if (conversation !== undefined) {
        conversation.lastReadSeqId = item.lastReadSeqId;
        if (item.peer !== undefined) conversation.peer = item.peer;
      }
      let lastMessage = includeLastMessage ? item.lastMessage : undefined;
      if (lastMessage?.sender !== undefined && !includeSenderInfo) {
        lastMessage = { ...lastMessage, sender: { ...lastMessage.sender, username: "", avatarUrl: "" } };
      }
      return {
        $typeName: "gochat.repo.v1.ConversationDetails",
        conversation,
        userMembership: toMember(item.member),
        lastMessage,
        unreadCount: item.unread,
        lastActivityAt: seconds(item.conversation.lastMessageAt),
      };
    });
  }

  return {
    async getUserConversations(request) {
      const query = listQuery(request);
      const { ids, total } = await list.ids(query);
      return { conversationIds: ids, total: BigInt(total), hasMore: query.offset + ids.length < total };
    },

    async getUserConversationsWithDetails(request) {
      const query = listQuery(request);
      const sinceMs = Number(request.updatedSince) * 1000;
      const [{ items, total, nowMs }, removedIds] =
        sinceMs > 0
          ? await Promise.all([list.changedSince(query, sinceMs), list.removedSince(query.userId, sinceMs)])
          : [await list.page(query), []];
      const conversations = await details(items, request);
      return {
        conversations,
        total: BigInt(total),
        hasMore: query.offset + items.length < total,
        removedIds,
        // Taken before the rows are read: what is stored meanwhile is in the next window.
        serverTime: seconds(nowMs),
      };
    },
  };
}
