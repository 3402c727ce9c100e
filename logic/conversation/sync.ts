import { create } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import { type ErrorName, isAppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import {
  type GetMessagesResponse,
  type SyncItem,
  type SyncMessagesRequest,
  type SyncResult,
  SyncResultSchema,
} from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import {
  isConversationId,
  SEQ_MAX,
  SYNC_CONVERSATIONS_MAX,
  SYNC_RESULT_BYTES_MAX,
  SYNC_ROWS_MAX,
} from "#proto/limits.ts";
import type { RepoClients } from "../deps.ts";
import { invalid } from "../rpc/arguments.ts";
import { readHistory } from "./history.ts";

/** Conversations read at a time; a budget that is spent saves the reads of the rest. */
const readsMax = 10;
/** What a row costs beside its texts as JSON: names, ids, times, the sender. */
const rowBytes = 700;
const resultBytes = 256;

/** What was stored after the caller's marks, ascending, in the order of the items: at most 50 conversations, `limit` rows
 *  of each, and `max_bytes` of JSON in all. What did not fit has `has_more`; the client asks again with its new marks.
 *  A conversation that cannot be read answers with its own `error_code`. Throws INVALID_PARAMETER. */
export async function syncMessages(
  repo: RepoClients,
  request: SyncMessagesRequest,
  options: CallOptions,
): Promise<SyncResult[]> {
  const { items, userId } = request;
  if (items.length > SYNC_CONVERSATIONS_MAX) throw invalid("items");
  if (request.limit < 0 || request.limit > SYNC_ROWS_MAX) throw invalid("limit");
  if (request.maxBytes < 0 || request.maxBytes > SYNC_RESULT_BYTES_MAX) throw invalid("max_bytes");
  for (const { afterSeqId } of items) if (afterSeqId < 0n || afterSeqId >= BigInt(SEQ_MAX)) throw invalid("items");
  const limit = request.limit === 0 ? SYNC_ROWS_MAX : request.limit;
  let budget = request.maxBytes === 0 ? SYNC_RESULT_BYTES_MAX : request.maxBytes;
  budget -= items.length * resultBytes;
  const results: SyncResult[] = [];
  for (let at = 0; at < items.length; at += readsMax) {
    const part = items.slice(at, at + readsMax);
    const rows = budget > 0 ? limit : 1;
    const pages = await Promise.all(part.map((item) => readOne(repo, userId, item, rows, options)));
    for (const [index, page] of pages.entries()) {
      const item = part[index];
      if (item === undefined) continue;
      const result = typeof page === "string" ? failed(item, page) : fitted(item, page, budget);
      for (const message of result.messages) budget -= jsonBytes(message);
      results.push(result);
    }
  }
  return results;
}

async function readOne(
  repo: RepoClients,
  userId: string,
  item: SyncItem,
  limit: number,
  options: CallOptions,
): Promise<GetMessagesResponse | ErrorName> {
  const { conversationId, afterSeqId } = item;
  if (!isConversationId(conversationId)) return "CONVERSATION_NOT_FOUND";
  try {
    const query = { conversationId, startSeqId: afterSeqId + 1n, endSeqId: 0n, limit, ascending: true, typeFilter: [] };
    return await readHistory(repo, query, userId, options);
  } catch (error) {
    // A decision about this conversation is its own answer; a dependency that is away fails the call.
    if (isAppError(error, "NOT_CONVERSATION_MEMBER") || isAppError(error, "CONVERSATION_NOT_FOUND")) return error.code;
    throw error;
  }
}

/** The rows that the budget still holds; the complete range ends with the last of them. */
function fitted(item: SyncItem, page: GetMessagesResponse, budget: number): SyncResult {
  let left = budget;
  let count = 0;
  for (const message of page.messages) {
    left -= jsonBytes(message);
    if (left < 0) break;
    count += 1;
  }
  const { conversationId } = item;
  const { latestSeqId, completeFrom } = page;
  if (count === page.messages.length) {
    const { messages, completeTo, hasMore } = page;
    return create(SyncResultSchema, { conversationId, messages, completeFrom, completeTo, latestSeqId, hasMore });
  }
  const messages = page.messages.slice(0, count);
  const completeTo = messages.at(-1)?.seqId ?? completeFrom - 1n;
  return create(SyncResultSchema, { conversationId, messages, completeFrom, completeTo, latestSeqId, hasMore: true });
}

function failed(item: SyncItem, errorCode: ErrorName): SyncResult {
  // Nothing is complete: an empty range ends before it begins.
  return create(SyncResultSchema, { conversationId: item.conversationId, completeFrom: 1n, completeTo: 0n, errorCode });
}

function jsonBytes(message: Message): number {
  let bytes = rowBytes + Buffer.byteLength(JSON.stringify(message.content));
  if (message.extra !== "") bytes += Buffer.byteLength(JSON.stringify(message.extra));
  return bytes + message.mentions.length * 24 + message.reactions.length * 64;
}
