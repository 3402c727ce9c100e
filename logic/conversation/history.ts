import type { CallOptions } from "@connectrpc/connect";
import { carryList, rowAt } from "#infra/rpc/raw-list.ts";
import type { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { GetMessagesResponse } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { HISTORY_ROWS_DEFAULT, HISTORY_ROWS_MAX, SEQ_MAX } from "#proto/limits.ts";
import type { RepoClients } from "../deps.ts";
import { invalid } from "../rpc/arguments.ts";
import { asMember } from "./access.ts";

export interface HistoryQuery {
  readonly conversationId: string;
  /** Both inclusive; 0 = open. */
  readonly startSeqId: bigint;
  readonly endSeqId: bigint;
  /** 0 = the default. */
  readonly limit: number;
  readonly ascending: boolean;
  readonly typeFilter: MessageType[];
  readonly excludeDeleted?: boolean;
  readonly excludeChanges?: boolean;
}

const seqMax = BigInt(SEQ_MAX);

/** Throws INVALID_PARAMETER. */
export function checkHistoryQuery(query: HistoryQuery): void {
  if (query.startSeqId < 0n || query.startSeqId > seqMax) throw invalid("start_seq_id");
  if (query.endSeqId < 0n || query.endSeqId > seqMax) throw invalid("end_seq_id");
  if (query.limit < 0 || query.limit > HISTORY_ROWS_MAX) throw invalid("limit");
}

/** One page of what `userId` may see, the right to it read with the rows. Throws NOT_CONVERSATION_MEMBER,
 *  CONVERSATION_NOT_FOUND. Rows that he hid from himself are below everything he asks for: they are not
 *  there for him, so a range that reaches down to them is complete. */
export async function readHistory(
  repo: RepoClients,
  query: HistoryQuery,
  userId: string,
  options: CallOptions,
): Promise<GetMessagesResponse> {
  const limit = query.limit === 0 ? HISTORY_ROWS_DEFAULT : query.limit;
  const {
    conversationId,
    startSeqId,
    endSeqId,
    ascending,
    typeFilter,
    excludeDeleted = false,
    excludeChanges = false,
  } = query;
  const page = await asMember(
    repo,
    conversationId,
    options,
    repo.message.getConversationMessages(
      {
        // By its name it is a message: it is not copied.
        $typeName: "gochat.repo.v1.GetConversationMessagesRequest",
        conversationId,
        startSeqId,
        endSeqId,
        limit,
        ascending,
        typeFilter,
        excludeDeleted,
        excludeChanges,
        viewerId: userId,
        asMember: true,
      },
      options,
    ),
  );
  const lowest = page.hiddenBeforeSeq > 0n ? page.hiddenBeforeSeq + 1n : 1n;
  const from = startSeqId > lowest ? startSeqId : lowest;
  const unfiltered = typeFilter.length === 0 && !excludeDeleted && !excludeChanges;
  const reachesDown = unfiltered && page.completeFrom === from;
  const askedFrom = query.startSeqId > 0n ? query.startSeqId : 1n;
  return carryList(page, "messages", {
    $typeName: "gochat.logic.v1.GetMessagesResponse",
    hasMore: page.hasMore,
    nextSeqId: page.nextSeqId,
    prevSeqId: prevSeqOf(rowAt(page, "messages", 0)?.seqId, ascending, lowest, page.latestSeqId),
    latestSeqId: page.latestSeqId,
    completeFrom: reachesDown && askedFrom < from ? askedFrom : page.completeFrom,
    completeTo: page.completeTo,
  } as const);
}

function prevSeqOf(first: bigint | undefined, ascending: boolean, lowest: bigint, latest: bigint): bigint {
  if (first === undefined) return 0n;
  if (ascending) return first > lowest ? first - 1n : 0n;
  return first < latest ? first + 1n : 0n;
}
