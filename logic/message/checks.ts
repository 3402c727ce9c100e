import type { ErrorName } from "#proto/errors.ts";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { CONTENT_BYTES_MAX, isClientMsgId, isConversationId, isExtra, MENTIONS_MAX, textFault } from "#proto/limits.ts";

export interface SendRules {
  /** Code points of the content, at most. */
  readonly contentCharsMax: number;
  /** What clients may send. */
  readonly allowedTypes: ReadonlySet<number>;
}

const fileTypes: ReadonlySet<number> = new Set([
  MessageType.IMAGE,
  MessageType.FILE,
  MessageType.VOICE,
  MessageType.VIDEO,
]);

/** A decision that needs no database (spec 50 §4): the name of the rule that `send` breaks, or undefined. The entrances
 *  have checked the shape before; a record of the log is checked again, because its producer may be older than this code.
 *  Rates are never looked at here: they act at the entrance only. */
export function checkSend(send: UpstreamMessage, rules: SendRules): ErrorName | undefined {
  if (send.messageType === MessageType.SYSTEM || !rules.allowedTypes.has(send.messageType)) {
    return "UNSUPPORTED_MESSAGE_TYPE";
  }
  if (!isConversationId(send.conversationId)) return "CONVERSATION_NOT_FOUND";
  if (!isClientMsgId(send.clientMsgId)) return "INVALID_MESSAGE_FORMAT";
  const contentError = checkContent(send.content, rules);
  if (contentError !== undefined) return contentError;
  if (send.extra !== "" && !isExtra(send.extra)) return "INVALID_MESSAGE_FORMAT";
  if (send.mentions.length > MENTIONS_MAX) return "INVALID_MESSAGE_FORMAT";
  if (send.userId <= 0n || send.replyToMessageId < 0n) return "INVALID_MESSAGE_FORMAT";
  // No service keeps files yet, so no file id can be the sender's (40 §7).
  if (fileTypes.has(send.messageType)) return "FILE_NOT_FOUND";
  return undefined;
}

/** The rule of a text that it breaks, or undefined. */
export function checkContent(
  content: string,
  rules: Pick<SendRules, "contentCharsMax">,
): "MESSAGE_TOO_LONG" | "INVALID_MESSAGE_FORMAT" | "MESSAGE_EMPTY" | undefined {
  switch (textFault(content, rules.contentCharsMax, CONTENT_BYTES_MAX)) {
    case "chars":
    case "bytes":
      return "MESSAGE_TOO_LONG";
    case "nul":
    case "surrogate":
      return "INVALID_MESSAGE_FORMAT";
    default:
      return content.trim() === "" ? "MESSAGE_EMPTY" : undefined;
  }
}
