import type { ErrorName } from "#proto/errors.ts";
import { type Message, MessageKind, MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import {
  CONTENT_BYTES_MAX,
  CONTENT_CHARS_MAX,
  isClientMsgId,
  isConversationId,
  isExtra,
  isId,
  MENTIONS_MAX,
  SEQ_MAX,
  textFault,
} from "#proto/limits.ts";
import { metaText } from "./store/message-meta.ts";
import type { MessageRow } from "./store/message-row.ts";

/** One message to import. `row` lacks what only the conversation knows. */
export interface ImportItem {
  /** In the call. */
  readonly index: number;
  readonly row: Omit<MessageRow, "messageNo">;
  /** The latest of its times, Unix ms: none may lie in the future. */
  readonly latestMs: number;
}

const types: ReadonlySet<number> = new Set([
  MessageType.TEXT,
  MessageType.IMAGE,
  MessageType.FILE,
  MessageType.SYSTEM,
  MessageType.VOICE,
  MessageType.VIDEO,
]);

const isIdOrNone = (text: string): boolean => text === "" || isId(text);
const idOrNull = (text: string): bigint | null => (text === "" ? null : BigInt(text));
const textOrNull = (text: string): string | null => (text === "" ? null : text);

/** A message of the wire with its ids parsed, or the name of the rule that it breaks whatever is stored. */
export function parseImport(message: Message, index: number): ImportItem | ErrorName {
  const fault = identityFault(message) ?? kindFault(message) ?? textFaultOf(message) ?? relationFault(message);
  if (fault !== undefined) return fault;
  const times = timesOf(message);
  return times === undefined ? "INVALID_PARAMETER" : { index, row: rowOf(message, times), latestMs: times.latestMs };
}

function identityFault({ id, sender, conversationId, seqId, clientMsgId }: Message): ErrorName | undefined {
  if (!isId(id) || !isId(sender?.id ?? "")) return "INVALID_PARAMETER";
  if (!isConversationId(conversationId)) return "CONVERSATION_NOT_FOUND";
  if (seqId < 1n || seqId > SEQ_MAX) return "INVALID_PARAMETER";
  return clientMsgId === "" || isClientMsgId(clientMsgId) ? undefined : "INVALID_MESSAGE_FORMAT";
}

/** Changes are made by what they change; reactions and files have rows of their own, which are not imported. They are
 *  refused, for a message without them would be another one. */
function kindFault({ kind, change, changeType, type, reactions, file }: Message): ErrorName | undefined {
  if (kind !== MessageKind.MESSAGE || change.case !== undefined || changeType !== "") return "OPERATION_NOT_SUPPORTED";
  if (reactions.length > 0 || file !== undefined) return "OPERATION_NOT_SUPPORTED";
  return types.has(type) ? undefined : "UNSUPPORTED_MESSAGE_TYPE";
}

function textFaultOf({ content, extra, deleted }: Message): ErrorName | undefined {
  // A tombstone keeps nothing of what it was.
  if (deleted) return content === "" && extra === "" ? undefined : "INVALID_MESSAGE_FORMAT";
  const fault = textFault(content, CONTENT_CHARS_MAX, CONTENT_BYTES_MAX);
  if (fault === "chars" || fault === "bytes") return "MESSAGE_TOO_LONG";
  if (fault !== undefined) return "INVALID_MESSAGE_FORMAT";
  if (content.trim() === "") return "MESSAGE_EMPTY";
  return extra === "" || isExtra(extra) ? undefined : "INVALID_MESSAGE_FORMAT";
}

function relationFault(message: Message): ErrorName | undefined {
  const { deleted, mentions, replyTo, forwardedFrom, recalledBy, recalledAt } = message;
  if (mentions.length > MENTIONS_MAX || !mentions.every(isId)) return "INVALID_MESSAGE_FORMAT";
  if (!isIdOrNone(replyTo?.messageId ?? "")) return "INVALID_MESSAGE_FORMAT";
  if (forwardedFrom !== undefined) {
    const { messageId, senderId, conversationId } = forwardedFrom;
    if (!isId(messageId) || !isId(senderId) || !isConversationId(conversationId)) return "INVALID_MESSAGE_FORMAT";
  }
  const isRecalled = recalledBy !== "" || recalledAt !== 0n;
  return isIdOrNone(recalledBy) && (deleted || !isRecalled) ? undefined : "INVALID_MESSAGE_FORMAT";
}

/** Unix ms; null where the wire says 0. */
interface Times {
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly editedAt: number | null;
  readonly recalledAt: number | null;
  readonly latestMs: number;
}

/** Undefined where one is missing or no time. */
function timesOf(message: Message): Times | undefined {
  const given = [message.createdAt, message.updatedAt, message.editedAt, message.recalledAt];
  if (message.createdAt <= 0n || given.some((seconds) => seconds < 0n)) return undefined;
  const [createdAt = 0, updatedAt = 0, editedAt = 0, recalledAt = 0] = given.map((seconds) => Number(seconds) * 1000);
  return {
    createdAt,
    updatedAt: Math.max(createdAt, updatedAt),
    editedAt: editedAt === 0 ? null : editedAt,
    recalledAt: recalledAt === 0 ? null : recalledAt,
    latestMs: Math.max(createdAt, updatedAt, editedAt, recalledAt),
  };
}

function rowOf(message: Message, times: Times): ImportItem["row"] {
  return {
    id: BigInt(message.id),
    conversationId: message.conversationId,
    senderId: BigInt(message.sender?.id ?? "0"),
    messageType: message.type,
    content: message.content,
    seqId: message.seqId,
    clientMsgId: textOrNull(message.clientMsgId),
    // What its client sent is not known: a repeat under its id is taken for the same.
    sendHash: null,
    kind: MessageKind.MESSAGE,
    changeType: null,
    targetMessageId: null,
    deleted: message.deleted,
    extra: textOrNull(message.extra),
    meta: message.deleted ? null : metaOf(message, times),
    replyToId: idOrNull(message.replyTo?.messageId ?? ""),
    recalledBy: idOrNull(message.recalledBy),
    recalledAt: times.recalledAt,
    createdAt: times.createdAt,
    updatedAt: times.updatedAt,
  };
}

function metaOf({ mentions, forwardedFrom: from }: Message, { editedAt }: Times): string | null {
  return metaText({
    ...(mentions.length === 0 ? {} : { mentions: [...mentions] }),
    ...(editedAt === null ? {} : { editedAt }),
    ...(from === undefined ? {} : { forwardedFrom: forwarded(from) }),
  });
}

function forwarded({ messageId, conversationId, senderId }: NonNullable<Message["forwardedFrom"]>) {
  return { messageId, conversationId, senderId };
}
