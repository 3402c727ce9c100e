import { z } from "zod";
import { rawListOf, rowAt } from "#infra/rpc/raw-list.ts";
import type { Message, MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { GetMessagesResponse } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { HISTORY_ROWS_DEFAULT, HISTORY_ROWS_MAX, SEQ_MAX } from "#proto/limits.ts";
import type { HistoryJson } from "#proto/objects.ts";
import { type ApiCall, type ApiDeps, callerOptions } from "./context.ts";
import { type JsonText, listText, messageText, textOnce } from "./json-text.ts";
import { rawListText } from "./raw-text.ts";
import { flag, seqText, wholeNumberOr } from "./validate.ts";

export const historyQuery = z
  .object({
    cursor: seqText.describe("Rows with a lower seq, newest first").optional(),
    after_seq: seqText.describe("Rows with a higher seq, oldest first").optional(),
    limit: wholeNumberOr(HISTORY_ROWS_DEFAULT, 1, HISTORY_ROWS_MAX),
    types: z
      .string()
      .regex(/^[1-6](?:,[1-6]){0,5}$/, "is not a list of message types")
      .transform((list) => list.split(",").map((type) => Number(type) as MessageType))
      .optional(),
    includeDeleted: flag.optional(),
    includeChanges: flag.optional(),
  })
  .refine(({ cursor, after_seq: afterSeq }) => cursor === undefined || afterSeq === undefined, {
    path: ["after_seq"],
    message: "excludes cursor",
  });

export type HistoryQuery = z.infer<typeof historyQuery>;

/** `GET …/messages`: backwards from `cursor`, or forwards from `after_seq` (spec 10 §1 and §5). */
export async function history(
  c: ApiCall,
  deps: ApiDeps,
  conversationId: string,
  query: HistoryQuery,
): Promise<JsonText<HistoryJson>> {
  const { userId } = c.identity;
  const answer = await deps.logic.conversation.getMessages(
    {
      // By its name it is a message: it is not copied.
      $typeName: "gochat.logic.v1.GetMessagesRequest",
      userId,
      conversationId,
      ...rangeOf(query),
      limit: query.limit,
      ascending: query.after_seq !== undefined,
      typeFilter: query.types ?? [],
      excludeDeleted: query.includeDeleted === false,
      excludeChanges: query.includeChanges === false,
    },
    callerOptions(c, deps),
  );
  const rest = restOf(answer, query);
  const raw = rawListOf(answer, "messages");
  return raw === undefined ? pageText(answer.messages, rest) : rawPageText(raw, rest);
}

const pageText = listText<HistoryJson, Message>("messages", textOnce(messageText));
const rawPageText = rawListText<HistoryJson, Message>("messages", messageText);

/** What a cursor of 0 or 1 asks for: nothing. 0 would mean an open end, so it is beyond every seq; the membership is
 *  checked all the same. */
const nowhere = { startSeqId: BigInt(SEQ_MAX), endSeqId: BigInt(SEQ_MAX) };

function rangeOf({ cursor, after_seq: afterSeq }: HistoryQuery): { startSeqId: bigint; endSeqId: bigint } {
  if (afterSeq !== undefined) return { startSeqId: BigInt(afterSeq) + 1n, endSeqId: 0n };
  if (cursor === undefined) return { startSeqId: 0n, endSeqId: 0n };
  return cursor <= 1 ? nowhere : { startSeqId: 0n, endSeqId: BigInt(cursor) - 1n };
}

/** What an answer has beside its rows. */
function restOf(answer: GetMessagesResponse, query: HistoryQuery): Omit<HistoryJson, "messages"> {
  const { includeDeleted = true, includeChanges = true } = query;
  const json: Omit<HistoryJson, "messages"> = {
    hasMore: answer.hasMore,
    latestSeqId: Number(answer.latestSeqId),
  };
  const last = rowAt(answer, "messages", -1);
  if (last !== undefined) json.nextCursor = Number(last.seqId);
  const filtered = !includeDeleted || !includeChanges || query.types !== undefined;
  if (filtered) return json;
  const empty = query.cursor !== undefined && query.cursor <= 1;
  json.completeFrom = empty ? 1 : Number(answer.completeFrom);
  json.completeTo = empty ? 0 : Number(answer.completeTo);
  return json;
}
