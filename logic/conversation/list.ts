import type { CallOptions } from "@connectrpc/connect";
import { rawListOf, withRawList } from "#infra/rpc/raw-list.ts";
import type { Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationDetails } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { RepoClients } from "../deps.ts";
import { createListRows, isComplete } from "./list-rows.ts";
import { asLast, fillPeers, isVisible } from "./view.ts";

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
  /** Perhaps still encoded (`rawListOf`). */
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
      // By its name it is a message: it is not copied.
      $typeName: "gochat.repo.v1.GetUserConversationsWithDetailsRequest",
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
  const { total, hasMore, removedIds, serverTime } = answer;
  const rest = { total, hasMore, removedIds, serverTime };
  const show = (found: readonly ConversationDetails[]): Promise<Conversation[]> => shownOf(repo, found, query, options);
  const raw = isWhole(query) ? rawListOf(answer, "conversations") : undefined;
  const rows = raw === undefined ? undefined : await shownRows(raw, show);
  if (rows !== undefined) return withRawList(rest, "conversations", rows);
  return { ...rest, conversations: await show(answer.conversations) };
}

const shownRows = createListRows();

function isWhole({ withLastMessage, withUnreadCount }: ListQuery): boolean {
  return withLastMessage && withUnreadCount;
}

const shownLists = new WeakMap<readonly ConversationDetails[], Conversation[]>();
const shownOnes = new WeakMap<ConversationDetails, Conversation>();

/** As the caller sees them: of a list that was read before as it is, by the very objects that it was then. */
async function shownOf(
  repo: RepoClients,
  found: readonly ConversationDetails[],
  query: ListQuery,
  options: CallOptions,
): Promise<Conversation[]> {
  const whole = isWhole(query);
  const before = whole ? shownLists.get(found) : undefined;
  if (before !== undefined) return before;
  const known = found.map((details) => (whole ? shownOnes.get(details) : undefined));
  const fresh = found.flatMap((details, at) => (known[at] === undefined ? conversationOf(details, query) : []));
  const filled = (await fillPeers(repo, fresh, query.userId, options)).values();
  const shown = found.flatMap((details, at): Conversation[] => {
    const one = known[at] ?? (details.conversation === undefined ? undefined : filled.next().value);
    if (one === undefined) return [];
    if (whole && isComplete(details)) shownOnes.set(details, one);
    return [one];
  });
  if (whole && found.every(isComplete)) shownLists.set(found, shown);
  return shown;
}

function conversationOf(details: ConversationDetails, query: ListQuery): Conversation[] {
  const { conversation, userMembership, lastMessage, unreadCount, lastActivityAt } = details;
  if (conversation === undefined) return [];
  const whole: Conversation = { ...conversation, lastActivityAt };
  if (userMembership !== undefined) whole.myMembership = userMembership;
  if (query.withUnreadCount) whole.unreadCount = unreadCount;
  if (query.withLastMessage && lastMessage !== undefined && isVisible(lastMessage.seqId, userMembership)) {
    whole.lastMessage = asLast(lastMessage);
  }
  return [whole];
}
