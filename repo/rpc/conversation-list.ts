import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { createTextMemo } from "#infra/memo/memo.ts";
import { joinRows, RawList, withRawList } from "#infra/rpc/raw-list.ts";
import { type Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import {
  type ConversationDetails,
  ConversationDetailsSchema,
  type ConversationService,
  type GetUserConversationsRequest,
  type GetUserConversationsWithDetailsRequest,
} from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { ConversationList, ListedConversation, ListQuery, PackedPage } from "../store/conversation-list.ts";
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

function isWorld({ conversation }: ListedConversation): boolean {
  return conversation.type === (ConversationType.WORLD as number);
}

/** A list that did not change is answered by the very objects of before, and so is what did not change of another: whoever
 *  makes something of them may keep it by the object. */
function createDetails(worldCount: () => Promise<number>) {
  const known = new WeakMap<ListedConversation, ConversationDetails>();
  const pages = new WeakMap<readonly ListedConversation[], { page: ConversationDetails[]; worldMembers: number }>();

  function detailsOf(item: ListedConversation, worldMembers: number, flags: Flags): ConversationDetails {
    const before = isWhole(flags) ? known.get(item) : undefined;
    if (before !== undefined && (!isWorld(item) || before.conversation?.memberCount === worldMembers)) return before;
    const conversation = toConversation(item.conversation);
    if (isWorld(item)) conversation.memberCount = worldMembers;
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
    const worldMembers = items.some(isWorld) ? await worldCount() : 0;
    const before = isWhole(flags) ? pages.get(items) : undefined;
    if (before?.worldMembers === worldMembers) return before.page;
    const page = items.map((item) => detailsOf(item, worldMembers, flags));
    if (isWhole(flags)) pages.set(items, { page, worldMembers });
    return page;
  };
}

const wholeFlags: Flags = { includeLastMessage: true, includeSenderInfo: true };
/** Rows of the database as text, and what they are encoded to. */
const rowsBytesMax = 64 * 1024 * 1024;
const decode = (row: Uint8Array): ConversationDetails => fromBinary(ConversationDetailsSchema, row);

/** Encodes a row once for as long as the database gives the same. */
function createDetailRows(details: ReturnType<typeof createDetails>) {
  const known = createTextMemo<Uint8Array>(rowsBytesMax);

  async function rowOf(key: string, item: PackedPage["item"]): Promise<Uint8Array> {
    const made = item(key);
    const [shown] = await details([made], wholeFlags);
    const row = toBinary(ConversationDetailsSchema, shown as ConversationDetails);
    // How many the world has is not in its row.
    if (!isWorld(made)) known.set(key, row, row.byteLength);
    return row;
  }

  return async ({ keys, item }: PackedPage): Promise<RawList<ConversationDetails>> => {
    const rows: Uint8Array[] = [];
    for (const key of keys) rows.push(known.get(key) ?? (await rowOf(key, item)));
    return new RawList(joinRows(rows), decode);
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

/** `end`: how many rows of the list are up to the end of this page. */
function restOf({ total, nowMs }: Pick<PackedPage, "total" | "nowMs">, end: number) {
  // The time was taken before the rows were read: what is stored meanwhile is in the next window.
  return { total: BigInt(total), hasMore: end < total, serverTime: seconds(nowMs) };
}

/** The reads of a user's list. */
export function listMethods(
  list: ConversationList,
  worldCount: () => Promise<number>,
): Pick<Impl, "getUserConversations" | "getUserConversationsWithDetails"> {
  const details = createDetails(worldCount);
  const rowsOf = createDetailRows(details);
  const { packedPage } = list;
  // By its name it is a message: its rows are not copied.
  const $typeName = "gochat.repo.v1.GetUserConversationsWithDetailsResponse";
  return {
    async getUserConversations(request) {
      const query = listQuery(request);
      const { ids, total } = await list.ids(query);
      return { conversationIds: ids, total: BigInt(total), hasMore: query.offset + ids.length < total };
    },

    async getUserConversationsWithDetails(request) {
      const query = listQuery(request);
      const sinceMs = Number(request.updatedSince) * 1000;
      if (packedPage !== undefined && sinceMs === 0 && isWhole(request)) {
        const page = await packedPage(query);
        const rows = await rowsOf(page);
        return withRawList(
          { $typeName, ...restOf(page, query.offset + page.keys.length), removedIds: [] },
          "conversations",
          rows,
        );
      }
      const { items, total, nowMs, removedIds } =
        sinceMs > 0 ? await list.changedSince(query, sinceMs) : { ...(await list.page(query)), removedIds: [] };
      return {
        $typeName,
        conversations: await details(items, request),
        ...restOf({ total, nowMs }, query.offset + items.length),
        removedIds,
      };
    },
  };
}
