import type { ServiceImpl } from "@connectrpc/connect";
import { carryList } from "#infra/rpc/raw-list.ts";
import type { Conversation } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { QUERY_CHARS_MAX, textFault } from "#proto/limits.ts";
import { listConversations } from "../conversation/list.ts";
import type { LogicContext } from "../deps.ts";
import { invalid, optionsOf, pageOf, requireUserId } from "./arguments.ts";

const searchedMax = 50;
/** Conversations that a search looks at, and how many at a time; one with more of them finds the latest. */
const lookedAtMax = 2000;
const pageRows = 200;

const wholeList = { withLastMessage: true, withUnreadCount: true, updatedSince: 0n } as const;
const bareList = { withLastMessage: false, withUnreadCount: false, updatedSince: 0n } as const;

type Lists = "getConversations" | "getConversationsOptimized" | "searchConversations";

/** The methods that answer the caller's own conversations. Errors: INVALID_PARAMETER. */
export function listMethods({
  repo,
  metrics,
}: Pick<LogicContext, "repo" | "metrics">): Pick<ServiceImpl<typeof ConversationService>, Lists> {
  const seconds = metrics
    .histogram("gochat_conversation_load_duration_seconds", "A page of somebody's conversations")
    .with({});

  async function listed(...args: Parameters<typeof listConversations>): ReturnType<typeof listConversations> {
    const began = performance.now();
    const list = await listConversations(...args);
    seconds.observe((performance.now() - began) / 1000);
    return list;
  }

  return {
    async getConversations({ userId, page, pageSize, typeFilter }, call) {
      requireUserId(userId);
      const at = pageOf(page, pageSize);
      const list = await listed(
        repo,
        { ...wholeList, userId, typeFilter, offset: at.offset, limit: at.pageSize },
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
      const list = await listed(
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
      // By its name it is a message: its rows are not copied.
      const $typeName = "gochat.logic.v1.GetConversationsOptimizedResponse";
      const { total, hasMore, removedIds, serverTime } = list;
      const rest = { $typeName, total, hasMore, removedIds, serverTime, page: at.page, pageSize: at.pageSize } as const;
      return carryList(list, "conversations", rest);
    },

    async searchConversations({ userId, query, typeFilter, limit }, call) {
      requireUserId(userId);
      const wanted = query.trim().toLowerCase();
      if (wanted === "" || textFault(wanted, QUERY_CHARS_MAX) !== undefined) throw invalid("query");
      if (limit < 0 || limit > searchedMax) throw invalid("limit");
      const foundMax = limit === 0 ? searchedMax : limit;
      const found: Conversation[] = [];
      // A single conversation is found by the name of the other side: by name, in memory, in the order of the list.
      for (let offset = 0; offset < lookedAtMax && found.length < foundMax; offset += pageRows) {
        const query = { ...bareList, userId, typeFilter, offset, limit: pageRows };
        const { conversations, hasMore } = await listed(repo, query, optionsOf(call));
        found.push(...conversations.filter(({ name }) => name.toLowerCase().includes(wanted)));
        if (!hasMore) break;
      }
      return { conversations: found.slice(0, foundMax) };
    },
  };
}
