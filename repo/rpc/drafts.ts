import type { ServiceImpl } from "@connectrpc/connect";
import type { Draft } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { CONTENT_BYTES_MAX, CONTENT_CHARS_MAX, PAGE_SIZE_MAX, textFault } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import { createDrafts, type DraftRow } from "../store/draft.ts";
import { seconds } from "../store/message-row.ts";
import { idOf, invalid } from "./arguments.ts";

type Impl = ServiceImpl<typeof ConversationService>;

/** Drafts of gochat.repo.v1.ConversationService. Errors: as `Drafts`. */
export function draftMethods(context: RepoContext): Pick<Impl, "setDraft" | "listDrafts"> {
  const drafts = createDrafts(context);
  return {
    async setDraft({ userId, conversationId, content, replyToMessageId }) {
      if (textFault(content, CONTENT_CHARS_MAX, CONTENT_BYTES_MAX) !== undefined) throw invalid("content");
      const replyToId =
        content === "" || replyToMessageId === "" ? undefined : idOf(replyToMessageId, "reply_to_message_id");
      const set = await drafts.set(idOf(userId, "user_id"), conversationId, { content, replyToId });
      return { draft: toDraft(set.draft), changed: set.changed };
    },

    async listDrafts({ userId, offset, limit, updatedSince }) {
      if (offset < 0) throw invalid("offset");
      const rows = limit <= 0 ? PAGE_SIZE_MAX : Math.min(limit, PAGE_SIZE_MAX);
      const page = { offset, limit: rows, sinceMs: Number(updatedSince) * 1000 };
      const { drafts: found, hasMore, nowMs } = await drafts.list(idOf(userId, "user_id"), page);
      return { drafts: found.map(toDraft), hasMore, serverTime: seconds(nowMs) };
    },
  };
}

function toDraft({ conversationId, content, replyToId, updatedAt }: DraftRow): Draft {
  return {
    $typeName: "gochat.common.v1.Draft",
    conversationId,
    content,
    replyToMessageId: replyToId === null ? "" : replyToId.toString(),
    updatedAt: seconds(updatedAt),
    version: BigInt(updatedAt),
  };
}
