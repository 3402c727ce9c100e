import type { Tables } from "#drizzle/schema.ts";
import type { Found } from "#infra/db/steps.ts";
import type { Message, MessageKind, MessageType, ReplyTo } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UserInfo } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { MessageTable } from "./message-table.ts";

/** The columns of a stream row that a `Message` is made of. */
export function messageColumns(m: MessageTable) {
  return {
    id: m.id,
    conversationId: m.conversationId,
    senderId: m.senderId,
    messageType: m.messageType,
    content: m.content,
    seqId: m.seqId,
    clientMsgId: m.clientMsgId,
    sendHash: m.sendHash,
    kind: m.kind,
    changeType: m.changeType,
    targetMessageId: m.targetMessageId,
    messageNo: m.messageNo,
    deleted: m.deleted,
    extra: m.extra,
    meta: m.meta,
    replyToId: m.replyToId,
    recalledBy: m.recalledBy,
    recalledAt: m.recalledAt,
    createdAt: m.createdAt,
    updatedAt: m.updatedAt,
  } as const;
}

export type MessageRow = Found<ReturnType<typeof messageColumns>>;

/** The columns of a user that everybody may see, with what the rules of a send ask for. */
export function senderColumns({ users: u }: Tables) {
  return { id: u.id, username: u.username, avatarUrl: u.avatarUrl, isGuest: u.isGuest, status: u.status } as const;
}

export type SenderRow = Found<ReturnType<typeof senderColumns>>;

/** Whole Unix seconds of a time in milliseconds. */
export function seconds(ms: number | null): bigint {
  return ms === null ? 0n : BigInt(Math.floor(ms / 1000));
}

export function toUserInfo(row: SenderRow): UserInfo {
  return {
    $typeName: "gochat.common.v1.UserInfo",
    id: row.id.toString(),
    username: row.username,
    avatarUrl: row.avatarUrl ?? "",
    isGuest: row.isGuest,
  };
}

interface Meta {
  mentions?: unknown;
}

/** The server's own JSON object of a row. Only this service writes it, so what cannot be read is a defect, not input. */
function parseMeta(meta: string | null): Meta {
  return meta === null ? {} : (JSON.parse(meta) as Meta);
}

function mentionsOf({ mentions }: Meta): string[] {
  return Array.isArray(mentions) ? mentions.filter((one) => typeof one === "string") : [];
}

/** Puts mentions into the server's JSON object; null when there is nothing to keep. */
export function metaWith(meta: string, mentions: readonly string[]): string | null {
  if (mentions.length === 0) return meta === "" ? null : meta;
  return JSON.stringify({ ...(meta === "" ? {} : (JSON.parse(meta) as object)), mentions });
}

const previewCharactersMax = 100;

export function toReply(target: MessageRow): ReplyTo {
  return {
    $typeName: "gochat.common.v1.ReplyTo",
    messageId: target.id.toString(),
    seqId: target.seqId,
    senderId: target.senderId.toString(),
    preview: target.deleted ? "" : Array.from(target.content).slice(0, previewCharactersMax).join(""),
  };
}

/** A stored row as the message of the wire. Written as a literal: this runs once per message stored or read. */
export function toMessage(row: MessageRow, sender: UserInfo | undefined, replyTo: ReplyTo | undefined): Message {
  return {
    $typeName: "gochat.common.v1.Message",
    id: row.id.toString(),
    conversationId: row.conversationId,
    sender,
    type: row.messageType as MessageType,
    content: row.content,
    seqId: row.seqId,
    clientMsgId: row.clientMsgId ?? "",
    deleted: row.deleted,
    extra: row.extra ?? "",
    createdAt: seconds(row.createdAt),
    updatedAt: seconds(row.updatedAt),
    kind: row.kind as MessageKind,
    changeType: row.changeType ?? "",
    targetMessageId: row.targetMessageId?.toString() ?? "",
    targetSeqId: 0n,
    change: { case: undefined },
    replyTo,
    forwardedFrom: undefined,
    file: undefined,
    editedAt: 0n,
    reactions: [],
    recalledBy: row.recalledBy?.toString() ?? "",
    recalledAt: seconds(row.recalledAt),
    mentions: row.meta === null ? [] : mentionsOf(parseMeta(row.meta)),
  };
}
