import { ERRORS, type ErrorDetails, type ErrorName } from "./errors.ts";
import type { ClientFrame, SendMessageData } from "./frames.ts";
import {
  CONTENT_BYTES_MAX,
  CONTENT_CHARS_MAX,
  FRAME_ID_CHARS_MAX,
  isClientMsgId,
  isConversationId,
  isEmoji,
  isExtra,
  isId,
  MENTIONS_MAX,
  REASON_CHARS_MAX,
  SYNC_CONVERSATIONS_MAX,
  SYNC_ROWS_MAX,
  TOKEN_CHARS_MAX,
  textFault,
} from "./limits.ts";

/** Why a frame was refused: a name of the error table (its `ws` is the code on the socket). */
export interface FrameFault {
  readonly code: ErrorName;
  readonly message: string;
  readonly details: ErrorDetails | undefined;
}

export type ParsedFrame =
  | { readonly ok: true; readonly frame: ClientFrame }
  /** `id` as far as it could be read, for the answer. */
  | { readonly ok: false; readonly error: FrameFault; readonly id: string | undefined };

/** Every field that some frame knows, with its aliases, as it came. */
export type FrameFields = Readonly<Partial<Record<FieldName, unknown>>>;
type FieldName =
  | (
      | "id"
      | "type"
      | "data"
      | "conversationId"
      | "conversation_id"
      | "messageType"
      | "message_type"
      | "content"
      | "extra"
    )
  | (
      | "client_msg_id"
      | "clientMsgId"
      | "replyToMessageId"
      | "mentions"
      | "seqId"
      | "seq_id"
      | "messageId"
      | "message_id"
    )
  | ("reason" | "emoji" | "remove" | "conversations" | "limit" | "afterSeq" | "state" | "token");

/** Validates one text frame; never throws. Unknown fields are ignored. Written by hand: it runs for every frame. */
export function parseClientFrame(text: string): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformedFrame("Not JSON");
  }
  if (!isFields(value)) return malformedFrame("Not an object");
  return parseFrameFields(value);
}

/** The answer to bytes in which no frame could be found. */
export function malformedFrame(message: string): ParsedFrame {
  return refuse("INVALID_MESSAGE_FORMAT", undefined, undefined, message);
}

/** The rules of spec 20 §3 and §4, whatever the fields were read from; never throws. */
export function parseFrameFields(value: FrameFields): ParsedFrame {
  const rawId = value.id;
  let id: string | undefined;
  if (rawId !== undefined) {
    if (typeof rawId !== "string" || textFault(rawId, FRAME_ID_CHARS_MAX) !== undefined)
      return invalid("id", undefined);
    id = rawId;
  }
  const rawData = value.data;
  if (rawData !== undefined && rawData !== null && !isFields(rawData)) return invalid("data", id);
  return parseData(value.type, rawData ?? EMPTY, id);
}

const EMPTY: FrameFields = Object.freeze({});

function parseData(type: unknown, data: FrameFields, id: string | undefined): ParsedFrame {
  switch (type) {
    case "ping":
      return { ok: true, frame: { id, type } };
    case "send-message":
      return parseSend(data, id);
    case "mark-read":
      return parseMarkRead(data, id);
    case "typing":
    case "stop-typing": {
      const conversationId = conversationOf(data);
      if (conversationId === undefined) return invalid("conversationId", id);
      return { ok: true, frame: { id, type, data: { conversationId } } };
    }
    case "recall-message":
      return parseRecall(data, id);
    case "react":
      return parseReact(data, id);
    case "sync":
      return parseSync(data, id);
    case "presence": {
      const state = data.state;
      if (state !== "active" && state !== "background") return invalid("state", id);
      return { ok: true, frame: { id, type, data: { state } } };
    }
    case "refresh-auth": {
      const token = data.token;
      if (typeof token !== "string" || token === "" || textFault(token, TOKEN_CHARS_MAX) !== undefined)
        return invalid("token", id);
      return { ok: true, frame: { id, type, data: { token } } };
    }
    default:
      return invalid("type", id, "Unknown frame type");
  }
}

/** What both entrances of a send check, HTTP and socket: returns the fault, or undefined. */
export function sendFault(data: SendMessageData): FrameFault | undefined {
  if (!isConversationId(data.conversationId)) return fault("INVALID_MESSAGE_FORMAT", "conversationId");
  const content = contentFault(data.content);
  if (content !== undefined) return fault(content, "content");
  if (!isSendableType(data.messageType)) return fault("UNSUPPORTED_MESSAGE_TYPE", "messageType");
  if (data.clientMsgId !== undefined && !isClientMsgId(data.clientMsgId)) {
    return fault("INVALID_MESSAGE_FORMAT", "client_msg_id");
  }
  if (data.extra !== undefined && !isExtra(data.extra)) return fault("INVALID_MESSAGE_FORMAT", "extra");
  if (data.replyToMessageId !== undefined && !isId(data.replyToMessageId)) {
    return fault("INVALID_MESSAGE_FORMAT", "replyToMessageId");
  }
  if (data.mentions.length > MENTIONS_MAX || !data.mentions.every(isId)) {
    return fault("INVALID_MESSAGE_FORMAT", "mentions");
  }
  return undefined;
}

export function contentFault(content: string): ErrorName | undefined {
  const found = textFault(content, CONTENT_CHARS_MAX, CONTENT_BYTES_MAX);
  if (found === "chars" || found === "bytes") return "MESSAGE_TOO_LONG";
  if (found !== undefined) return "INVALID_MESSAGE_FORMAT";
  return isBlank(content) ? "MESSAGE_EMPTY" : undefined;
}

/** Text, image, file, voice, video; 4 is the server's. */
export function isSendableType(type: number): boolean {
  return type === 1 || type === 2 || type === 3 || type === 5 || type === 6;
}

function isBlank(content: string): boolean {
  // Nearly every message begins with something visible: no copy for it.
  const first = content.charCodeAt(0);
  return first > 0x20 && first < 0x7f ? false : content.trim() === "";
}

const NO_MENTIONS: readonly string[] = Object.freeze([]);

function parseSend(data: FrameFields, id: string | undefined): ParsedFrame {
  const conversationId = data.conversationId ?? data.conversation_id;
  const messageType = data.messageType ?? data.message_type;
  const clientMsgId = data.client_msg_id ?? data.clientMsgId ?? undefined;
  const content = data.content;
  const extra = data.extra ?? undefined;
  const replyTo = data.replyToMessageId ?? undefined;
  const mentions = data.mentions ?? NO_MENTIONS;
  if (typeof conversationId !== "string") return invalid("conversationId", id);
  if (typeof content !== "string")
    return content === undefined ? refuse("MESSAGE_EMPTY", "content", id) : invalid("content", id);
  if (typeof messageType !== "number") return refuse("UNSUPPORTED_MESSAGE_TYPE", "messageType", id);
  if (clientMsgId !== undefined && typeof clientMsgId !== "string") return invalid("client_msg_id", id);
  if (extra !== undefined && typeof extra !== "string") return invalid("extra", id);
  if (replyTo !== undefined && typeof replyTo !== "string") return invalid("replyToMessageId", id);
  if (!isTexts(mentions)) return invalid("mentions", id);
  const send: SendMessageData = {
    conversationId,
    content,
    messageType,
    clientMsgId,
    extra,
    replyToMessageId: replyTo,
    mentions,
  };
  const error = sendFault(send);
  return error === undefined ? { ok: true, frame: { id, type: "send-message", data: send } } : { ok: false, error, id };
}

function parseMarkRead(data: FrameFields, id: string | undefined): ParsedFrame {
  const conversationId = conversationOf(data);
  if (conversationId === undefined) return invalid("conversationId", id);
  const seqId = data.seqId ?? data.seq_id;
  if (!isSeq(seqId)) return invalid("seqId", id);
  return { ok: true, frame: { id, type: "mark-read", data: { conversationId, seqId } } };
}

function parseRecall(data: FrameFields, id: string | undefined): ParsedFrame {
  const messageId = messageOf(data);
  if (messageId === undefined) return invalid("messageId", id);
  const reason = data.reason ?? "";
  if (typeof reason !== "string" || textFault(reason, REASON_CHARS_MAX) !== undefined) return invalid("reason", id);
  const clientMsgId = data.client_msg_id ?? data.clientMsgId ?? undefined;
  if (!isOptionalClientMsgId(clientMsgId)) return invalid("client_msg_id", id);
  return { ok: true, frame: { id, type: "recall-message", data: { messageId, reason, clientMsgId } } };
}

function parseReact(data: FrameFields, id: string | undefined): ParsedFrame {
  const messageId = messageOf(data);
  if (messageId === undefined) return invalid("messageId", id);
  const emoji = data.emoji;
  if (typeof emoji !== "string" || !isEmoji(emoji)) return invalid("emoji", id);
  const remove = data.remove ?? false;
  if (typeof remove !== "boolean") return invalid("remove", id);
  const clientMsgId = data.client_msg_id ?? data.clientMsgId ?? undefined;
  if (!isOptionalClientMsgId(clientMsgId)) return invalid("client_msg_id", id);
  return { ok: true, frame: { id, type: "react", data: { messageId, emoji, remove, clientMsgId } } };
}

function parseSync(data: FrameFields, id: string | undefined): ParsedFrame {
  const list = data.conversations;
  if (!Array.isArray(list) || list.length > SYNC_CONVERSATIONS_MAX) return invalid("conversations", id);
  const conversations: { id: string; afterSeq: number }[] = [];
  for (const item of list as unknown[]) {
    if (!isFields(item)) return invalid("conversations", id);
    const conversationId = item.id ?? item.conversationId ?? item.conversation_id;
    const afterSeq = item.afterSeq ?? 0;
    if (typeof conversationId !== "string" || !isConversationId(conversationId)) return invalid("conversations.id", id);
    if (!isSeq(afterSeq)) return invalid("conversations.afterSeq", id);
    conversations.push({ id: conversationId, afterSeq });
  }
  const limit = data.limit ?? SYNC_ROWS_MAX;
  if (!isSeq(limit) || limit < 1) return invalid("limit", id);
  return { ok: true, frame: { id, type: "sync", data: { conversations, limit: Math.min(limit, SYNC_ROWS_MAX) } } };
}

function conversationOf(data: FrameFields): string | undefined {
  const value = data.conversationId ?? data.conversation_id;
  return typeof value === "string" && isConversationId(value) ? value : undefined;
}

function messageOf(data: FrameFields): string | undefined {
  const value = data.messageId ?? data.message_id;
  return typeof value === "string" && isId(value) ? value : undefined;
}

function isOptionalClientMsgId(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && isClientMsgId(value));
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MENTIONS_MAX && value.every((item) => typeof item === "string");
}

function isFields(value: unknown): value is FrameFields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fault(code: ErrorName, field?: string, message?: string): FrameFault {
  return {
    code,
    message: message ?? ERRORS[code].message,
    details: field === undefined ? undefined : { fields: [field] },
  };
}

function refuse(code: ErrorName, field: string | undefined, id: string | undefined, message?: string): ParsedFrame {
  return { ok: false, error: fault(code, field, message), id };
}

function invalid(field: string, id: string | undefined, message?: string): ParsedFrame {
  return refuse("INVALID_MESSAGE_FORMAT", field, id, message ?? `Invalid ${field}`);
}
