import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { isClientMsgId, isEmoji, isId, REASON_CHARS_MAX, textFault } from "#proto/limits.ts";
import type { ChangeOutcome, Changes } from "../changes.ts";
import type { LogicContext } from "../deps.ts";
import { checkContent, type SendRules } from "../message/checks.ts";
import type { ContentFilter } from "../message/filter.ts";
import { invalid, requireUserId } from "./arguments.ts";

type Impl = ServiceImpl<typeof MessageService>;

/** Hot: read at each call. */
export interface MessageChangeOptions {
  /** Where the conversation's settings say nothing, ms. */
  readonly recallWindow: number;
}

export interface ContentRules {
  readonly rules: Pick<SendRules, "contentCharsMax">;
  readonly filter: ContentFilter;
}

interface Reaction {
  readonly operatorId: string;
  readonly messageId: string;
  readonly emoji: string;
  readonly clientMsgId: string;
}

/** Changes of messages (spec 10 §7). Each decides in repo, under the conversation's lock, by the permission matrix. */
export function messageChangeMethods(
  { repo }: Pick<LogicContext, "repo">,
  changes: Changes,
  options: MessageChangeOptions,
  { rules, filter }: ContentRules,
): Pick<Impl, "recallMessage" | "editMessage" | "addReaction" | "removeReaction"> {
  const windowSeconds = (): bigint => BigInt(Math.floor(options.recallWindow / 1000));

  async function react(
    { operatorId, messageId, emoji, clientMsgId }: Reaction,
    removed: boolean,
    call: HandlerContext,
  ) {
    checkChange(operatorId, messageId, clientMsgId);
    if (!isEmoji(emoji)) throw invalid("emoji");
    const request = { messageId, userId: operatorId, emoji, removed, clientMsgId };
    return shown(await changes.run(call, (calls) => repo.message.setReaction(request, calls)));
  }

  return {
    async recallMessage({ operatorId, messageId, reason, clientMsgId }, call) {
      checkChange(operatorId, messageId, clientMsgId);
      if (textFault(reason, REASON_CHARS_MAX) !== undefined) throw invalid("reason");
      const request = { messageId, operatorId, reason, clientMsgId, windowSeconds: windowSeconds() };
      return shown(await changes.run(call, (calls) => repo.message.deleteMessage(request, calls)));
    },

    async editMessage({ operatorId, messageId, content, version, clientMsgId }, call) {
      checkChange(operatorId, messageId, clientMsgId);
      const fault = checkContent(content, rules);
      if (fault !== undefined) throw new AppError(fault);
      const kept = filter(content);
      if (kept === undefined) throw new AppError("CONTENT_REJECTED");
      const key = { messageId, operatorId, clientMsgId, windowSeconds: windowSeconds() };
      const request = { ...key, content: kept, contentAsSent: content, expectedVersion: version };
      return shown(await changes.run(call, (calls) => repo.message.updateMessageContent(request, calls)));
    },

    addReaction: (request, call) => react(request, false, call),
    removeReaction: (request, call) => react(request, true, call),
  };
}

function shown({ message, changeSeqId, duplicate }: ChangeOutcome & { message?: Message | undefined }) {
  if (message === undefined) throw new AppError("INTERNAL_ERROR", { cause: "a change without its message" });
  return { message, changeSeqId, duplicate };
}

/** Throws INVALID_PARAMETER; an id that no message can have is MESSAGE_NOT_FOUND. */
export function checkChange(operatorId: string, messageId: string, clientMsgId: string): void {
  requireUserId(operatorId, "operator_id");
  if (!isId(messageId)) throw new AppError("MESSAGE_NOT_FOUND");
  if (clientMsgId !== "" && !isClientMsgId(clientMsgId)) throw invalid("client_msg_id");
}
