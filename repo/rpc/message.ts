import type { ServiceImpl } from "@connectrpc/connect";
import { callParent } from "#infra/trace/rpc.ts";
import { withSpan } from "#infra/trace/trace.ts";
import { AppError } from "#proto/errors.ts";
import {
  type CommitMessagesResponse,
  type CommitResult,
  CommitStatus,
  type GetConversationMessagesRequest,
  type MessageService,
} from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { type Committer, createCommitter } from "../commit.ts";
import type { ItemResult } from "../commit-draft.ts";
import { type CommitItem, checkBounds, parseItem } from "../commit-item.ts";
import type { RepoContext } from "../context.ts";
import { createImporter } from "../import.ts";
import { createRouteFinder, type RouteFinder } from "../routes.ts";
import { createMessageStore } from "../store/message.ts";
import { type PageQuery, pageRowsMax } from "../store/message-page.ts";
import { toMessage, toReply, toUserInfo } from "../store/message-row.ts";
import { idOf, invalid } from "./arguments.ts";
import { messageChangeMethods } from "./message-changes.ts";

const idsMax = 1000;
const settledMax = 1000;
const conversationsMax = 200;
const latestMax = 50;
const pageRowsDefault = 50;

function result(status: CommitStatus, fields: Partial<CommitResult> = {}): CommitResult {
  return {
    $typeName: "gochat.repo.v1.CommitResult",
    status,
    errorCode: "",
    row: undefined,
    createdAtMs: 0n,
    errorMessage: "",
    mutedUntil: 0n,
    ...fields,
  };
}

function toResult(item: ItemResult): CommitResult {
  if (item.at === "retry") return result(CommitStatus.RETRY);
  if (item.at === "parked") return result(CommitStatus.PARKED);
  if (item.at === "rejected") {
    const { code, message, mutedUntil = 0 } = item.refusal;
    return result(CommitStatus.REJECTED, {
      errorCode: code,
      errorMessage: message,
      mutedUntil: BigInt(mutedUntil),
    });
  }
  const { row, sender, reply } = item;
  const message = toMessage(row, toUserInfo(sender), reply === undefined ? {} : { replyTo: toReply(reply) });
  return {
    $typeName: "gochat.repo.v1.CommitResult",
    status: item.at === "stored" ? CommitStatus.STORED : CommitStatus.DUPLICATE,
    errorCode: "",
    row: message,
    createdAtMs: BigInt(row.createdAt),
    errorMessage: "",
    mutedUntil: 0n,
  };
}

/** The results of the items that were committed, in the places that the others leave. */
function merged(parsed: readonly ReturnType<typeof parseItem>[], committed: readonly ItemResult[]): ItemResult[] {
  let next = 0;
  return parsed.map((item) => {
    if ("refusal" in item) return { at: "rejected", refusal: item.refusal };
    next += 1;
    return committed[next - 1] ?? { at: "retry" };
  });
}

function pageQuery(request: GetConversationMessagesRequest): PageQuery {
  const { conversationId, startSeqId, endSeqId, limit, ascending, typeFilter } = request;
  if (conversationId === "") throw invalid("conversation_id");
  if (startSeqId < 0n || endSeqId < 0n) throw invalid("start_seq_id, end_seq_id");
  const rows = limit <= 0 ? pageRowsDefault : Math.min(limit, pageRowsMax);
  return {
    conversationId,
    startSeq: startSeqId,
    endSeq: endSeqId,
    limit: rows,
    ascending,
    types: typeFilter,
    excludeDeleted: request.excludeDeleted,
    excludeChanges: request.excludeChanges,
    viewerId: viewerOf(request.viewerId),
    asMember: request.asMember,
  };
}

function viewerOf(viewerId: string): bigint | undefined {
  return viewerId === "" ? undefined : idOf(viewerId, "viewer_id");
}

export interface MessageServiceParts {
  readonly committer?: Committer;
  readonly routes?: RouteFinder;
}

/** gochat.repo.v1.MessageService. `CommitMessages` answers a status per item and rejects only for a malformed call;
 *  routes are read after the commit. Errors: INVALID_PARAMETER, PAYLOAD_TOO_LARGE, MESSAGE_NOT_FOUND,
 *  CONVERSATION_NOT_FOUND, SERVICE_UNAVAILABLE. */
export function messageService(
  context: RepoContext,
  parts: MessageServiceParts = {},
): Pick<
  ServiceImpl<typeof MessageService>,
  | "commitMessages"
  | "batchSaveMessages"
  | "getMessage"
  | "getMessages"
  | "getConversationMessages"
  | "getLatestMessages"
  | "getCurrentSeq"
  | keyof ReturnType<typeof messageChangeMethods>
> {
  const committer = parts.committer ?? createCommitter(context);
  const routes = parts.routes ?? createRouteFinder(context);
  const store = createMessageStore(context);
  const importer = createImporter(context);
  const clog = context.clog.namespace("message");
  const { tracer } = context;

  async function routesOf(conversations: Parameters<RouteFinder["find"]>[0]): ReturnType<RouteFinder["find"]> {
    try {
      return await routes.find(conversations);
    } catch (error) {
      // What is committed is answered in any case; the gateways learn of unknown routes by a resync.
      clog.warn("routes could not be read", { err: error });
      return { conversations: [], routesKnown: false, cacheRunId: "" };
    }
  }

  return {
    ...messageChangeMethods(context, routes),

    async commitMessages({ items, settledOutboxIds }, call): Promise<CommitMessagesResponse> {
      const { itemsMax, bytesMax } = context.config.commit;
      checkBounds(items, itemsMax, bytesMax);
      if (settledOutboxIds.length > settledMax) throw invalid("settled_outbox_ids");
      const settled = settledOutboxIds.map((id) => idOf(id, "settled_outbox_ids"));
      const parsed = items.map(parseItem);
      const wanted = parsed.filter((item): item is CommitItem => !("refusal" in item));
      const parent = callParent(tracer, call);
      const committed = await withSpan(tracer, "repo.commit", parent, () => committer.commit(wanted, settled));
      const found = await withSpan(tracer, "repo.routes", parent, () => routesOf(committed.conversations));
      return {
        $typeName: "gochat.repo.v1.CommitMessagesResponse",
        results: merged(parsed, committed.results).map(toResult),
        conversations: found.conversations,
        outboxIds: committed.outboxIds.map(String),
        routesKnown: found.routesKnown,
        cacheRunId: found.cacheRunId,
        outboxSettled: committed.settled,
      };
    },

    async batchSaveMessages({ messages }) {
      const { saved, duplicates, failed } = await importer.save(messages);
      return { saved, duplicates, failed: [...failed] };
    },

    async getMessage({ messageId, viewerId }) {
      const [message] = await store.byIds([idOf(messageId, "message_id")], viewerOf(viewerId));
      if (message === undefined) throw new AppError("MESSAGE_NOT_FOUND");
      return { message };
    },

    async getMessages({ messageIds, viewerId }) {
      if (messageIds.length > idsMax) throw invalid("message_ids");
      const ids = messageIds.map((id) => idOf(id, "message_ids"));
      return { messages: await store.byIds(ids, viewerOf(viewerId)) };
    },

    async getConversationMessages(request) {
      const page = await store.page(pageQuery(request));
      if (page === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
      const { messages, hasMore, nextSeq, completeFrom, completeTo, latestSeq, hiddenBefore = 0n } = page;
      return {
        // By its name it is a message: its rows are not copied.
        $typeName: "gochat.repo.v1.GetConversationMessagesResponse",
        messages,
        hasMore,
        nextSeqId: nextSeq,
        completeFrom,
        completeTo,
        latestSeqId: latestSeq,
        hiddenBeforeSeq: hiddenBefore,
      };
    },

    async getLatestMessages({ conversationIds, limitPerConversation }) {
      if (conversationIds.length > conversationsMax) throw invalid("conversation_ids");
      const limit = limitPerConversation <= 0 ? 1 : Math.min(limitPerConversation, latestMax);
      return { messages: await store.latest(conversationIds, limit) };
    },

    async getCurrentSeq({ conversationIds }) {
      if (conversationIds.length > idsMax) throw invalid("conversation_ids");
      const seqs = await store.currentSeq(conversationIds);
      return { seqs: Object.fromEntries(seqs) };
    },
  };
}
