import type { ServiceImpl } from "@connectrpc/connect";
import type { Draft } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { CONTENT_BYTES_MAX, CONTENT_CHARS_MAX, isId, textFault } from "#proto/limits.ts";
import type { DraftJson } from "#proto/objects.ts";
import { asMember } from "../conversation/access.ts";
import type { LogicContext } from "../deps.ts";
import type { Signals } from "../signals.ts";
import { invalid, optionsOf, pageOf, requireConversationId, requireUserId } from "./arguments.ts";

type Impl = ServiceImpl<typeof ConversationService>;

/** Drafts of gochat.logic.v1.ConversationService: kept for all devices of the user, and told to those that are online.
 *  Errors: NOT_CONVERSATION_MEMBER, CONVERSATION_NOT_FOUND, CONVERSATION_DISSOLVED. */
export function draftMethods({
  repo,
  signals,
}: Pick<LogicContext, "repo"> & { readonly signals: Signals }): Pick<Impl, "setDraft" | "listDrafts"> {
  return {
    async setDraft({ userId, conversationId, content: given, replyToMessageId, socketSessionId }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      if (textFault(given, CONTENT_CHARS_MAX, CONTENT_BYTES_MAX) !== undefined) throw invalid("content");
      if (replyToMessageId !== "" && !isId(replyToMessageId)) throw invalid("reply_to_message_id");
      // What is blank could not be sent.
      const content = given.trim() === "" ? "" : given;
      const calls = optionsOf(call);
      const setting = repo.conversation.setDraft({ userId, conversationId, content, replyToMessageId }, calls);
      const { draft, changed } = await asMember(repo, conversationId, calls, setting);
      if (draft === undefined) return {};
      if (changed) signals.send([userId], "draft-updated", dataOf(draft), { exceptSessionId: socketSessionId });
      return { draft };
    },

    async listDrafts({ userId, page, pageSize, lastSyncTime }, call) {
      requireUserId(userId);
      if (lastSyncTime < 0n) throw invalid("last_sync_time");
      const { pageSize: limit, offset } = pageOf(page, pageSize);
      const request = { userId, offset, limit, updatedSince: lastSyncTime };
      const answer = await repo.conversation.listDrafts(request, optionsOf(call));
      return { drafts: answer.drafts, hasMore: answer.hasMore, serverTime: answer.serverTime };
    },
  };
}

function dataOf({ conversationId, content, replyToMessageId, updatedAt, version }: Draft): DraftJson {
  return {
    conversationId,
    content,
    ...(replyToMessageId === "" ? {} : { replyToMessageId }),
    updatedAt: Number(updatedAt),
    version: Number(version),
  };
}
