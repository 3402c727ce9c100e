import type { ServiceImpl } from "@connectrpc/connect";
import { type Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
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

type Flags = Pick<GetUserConversationsWithDetailsRequest, "includeLastMessage" | "includeSenderInfo">;

/** A list that did not change is answered by the very objects of before, and so is what did not change of another: whoever
 *  makes something of them may keep it by the object. */
function createDetails(worldCount: () => Promise<number>) {
  const known = new WeakMap<ListedConversation, ConversationDetails>();
  const pages = new WeakMap<readonly ListedConversation[], { page: ConversationDetails[]; worldMembers: number }>();

  function detailsOf(item: ListedConversation, worldMembers: number, flags: Flags): ConversationDetails {
    const isWorld = item.conversation.type === (ConversationType.WORLD as number);
    const before = isWhole(flags) ? known.get(item) : undefined;
    if (before !== undefined && (!isWorld || before.conversation?.memberCount === worldMembers)) return before;
    const conversation = toConversation(item.conversation);
    if (isWorld) conversation.memberCount = worldMembers;
    conversation.lastReadSeqId = item.lastReadSeqId;
    if (item.peer !== undefined) conversation.peer = item.peer;
    const details: ConversationDetails = {
      $typeName: "gochat.repo.v1.ConversationDetails",
      conversation,
      userMembership: toMember(item.member),
      lastMessage: shown(item.lastMessage, flags),
      unreadCount: item.unread,
      lastActivityAt: seconds(item.conversation.lastMessageAt),
    };
    if (isWhole(flags)) known.set(item, details);
    return details;
  }

  return async (items: ListedConversation[], flags: Flags): Promise<ConversationDetails[]> => {
    const hasWorld = items.some(({ conversation }) => conversation.type === (ConversationType.WORLD as number));
    const worldMembers = hasWorld ? await worldCount() : 0;
    const before = isWhole(flags) ? pages.get(items) : undefined;
    if (before?.worldMembers === worldMembers) return before.page;
    const page = items.map((item) => detailsOf(item, worldMembers, flags));
    if (isWhole(flags)) pages.set(items, { page, worldMembers });
    return page;
  };
}

function isWhole({ includeLastMessage, includeSenderInfo }: Flags): boolean {
  return includeLastMessage && includeSenderInfo;
}

function shown(last: Message | undefined, { includeLastMessage, includeSenderInfo }: Flags): Message | undefined {
  if (!includeLastMessage) return undefined;
  if (last?.sender === undefined || includeSenderInfo) return last;
  return { ...last, sender: { ...last.sender, username: "", avatarUrl: "" } };
}

/** The reads of a user's list. */
export function listMethods(
  list: ConversationList,
  worldCount: () => Promise<number>,
): Pick<Impl, "getUserConversations" | "getUserConversationsWithDetails"> {
  const details = createDetails(worldCount);
  return {
    async getUserConversations(request) {
      const query = listQuery(request);
      const { ids, total } = await list.ids(query);
      return { conversationIds: ids, total: BigInt(total), hasMore: query.offset + ids.length < total };
    },

    async getUserConversationsWithDetails(request) {
      const query = listQuery(request);
      const sinceMs = Number(request.updatedSince) * 1000;
      const { items, total, nowMs, removedIds } =
        sinceMs > 0 ? await list.changedSince(query, sinceMs) : { ...(await list.page(query)), removedIds: [] };
      return {
        // By its name it is a message: its rows are not copied.
        $typeName: "gochat.repo.v1.GetUserConversationsWithDetailsResponse",
        conversations: await details(items, request),
        total: BigInt(total),
        hasMore: query.offset + items.length < total,
        removedIds,
        // Taken before the rows are read: what is stored meanwhile is in the next window.
        serverTime: seconds(nowMs),
      };
    },
  };
}
