import type { CallOptions } from "@connectrpc/connect";
import type { Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationDetails } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { RepoClients } from "../deps.ts";
import { fillPeers, isVisible } from "./view.ts";

export interface ListQuery {
  readonly userId: string;
  readonly offset: number;
  readonly limit: number;
  readonly typeFilter: ConversationType;
  readonly withLastMessage: boolean;
  readonly withUnreadCount: boolean;
  /** Unix seconds; 0 = the whole list. */
  readonly updatedSince: bigint;
}

export interface List {
  readonly conversations: Conversation[];
  readonly total: bigint;
  readonly hasMore: boolean;
  readonly removedIds: string[];
  readonly serverTime: bigint;
}

/** The caller's conversations in the order of the list (spec 10 §5), read by one statement on the primary. */
export async function listConversations(repo: RepoClients, query: ListQuery, options: CallOptions): Promise<List> {
  const answer = await repo.conversation.getUserConversationsWithDetails(
    {
      userId: query.userId,
      offset: query.offset,
      limit: query.limit,
      typeFilter: query.typeFilter,
      includeLastMessage: query.withLastMessage,
      includeSenderInfo: query.withLastMessage,
      updatedSince: query.updatedSince,
    },
    options,
  );
  const conversations = answer.conversations.flatMap((details) => conversationOf(details, query));
  return {
    conversations: await fillPeers(repo, conversations, query.userId, options),
    total: answer.total,
    hasMore: answer.hasMore,
    removedIds: answer.removedIds,
    serverTime: answer.serverTime,
  };
}

function conversationOf(details: ConversationDetails, query: ListQuery): Conversation[] {
  const { conversation, userMembership, lastMessage, unreadCount, lastActivityAt } = details;
  if (conversation === undefined) return [];
  const whole: Conversation = { ...conversation, lastActivityAt };
  if (userMembership !== undefined) whole.myMembership = userMembership;
  if (query.withUnreadCount) whole.unreadCount = unreadCount;
  if (query.withLastMessage && lastMessage !== undefined && isVisible(lastMessage.seqId, userMembership)) {
    whole.lastMessage = lastMessage;
  }
  return [whole];
}
