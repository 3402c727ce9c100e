import type { Tables } from "#drizzle/schema.ts";
import type { Found } from "#infra/db/steps.ts";
import type { Message, MessageKind, MessageType, ReplyTo } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UserInfo } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { changeOf } from "./change-meta.ts";
import { forwardOf, mentionsOf, parseMeta, reactionsOf } from "./message-meta.ts";
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

/** The columns of a row that are shown, or that tell what is. */
export function shownColumns(m: MessageTable) {
  const { sendHash: _, ...shown } = messageColumns(m);
  return shown;
}

export type ShownRow = Found<ReturnType<typeof shownColumns>>;

/** The columns of a row that others show: those that reply to it, and the edits of it. */
export function quotedColumns(m: MessageTable) {
  return { id: m.id, seqId: m.seqId, senderId: m.senderId, deleted: m.deleted, content: m.content } as const;
}

export type QuotedRow = Found<ReturnType<typeof quotedColumns>>;

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

/** Of a message in what replies to it. */
export const previewCharactersMax = 100;

export function toReply(target: QuotedRow): ReplyTo {
  return {
    $typeName: "gochat.common.v1.ReplyTo",
    messageId: target.id.toString(),
    seqId: target.seqId,
    senderId: target.senderId.toString(),
    preview: target.deleted ? "" : Array.from(target.content).slice(0, previewCharactersMax).join(""),
  };
}

/** What a row is shown with beside its own columns. */
export interface RowView {
  readonly replyTo?: ReplyTo | undefined;
  /** Emojis with which the user who looks has reacted. */
  readonly mine?: ReadonlySet<string> | undefined;
  /** The message that a change of its content concerns, as it is now. */
  readonly target?: Pick<QuotedRow, "content" | "deleted"> | undefined;
}

const kindChange = 2;
const nothing = {};

/** A stored row as the message of the wire. Written as a literal: this runs once per message stored or read. */
export function toMessage(row: ShownRow, sender: UserInfo | undefined, view: RowView = nothing): Message {
  const isChange = row.kind === kindChange;
  const meta = parseMeta(isChange ? null : row.meta);
  const change = isChange ? shownChange(row, view) : { case: undefined };
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
    targetSeqId: targetSeqOf(change),
    change,
    replyTo: view.replyTo,
    forwardedFrom: forwardOf(meta),
    file: undefined,
    editedAt: seconds(meta.editedAt ?? null),
    reactions: reactionsOf(meta, view.mine),
    recalledBy: row.recalledBy?.toString() ?? "",
    recalledAt: seconds(row.recalledAt),
    mentions: mentionsOf(meta),
  };
}

function shownChange(row: ShownRow, { target }: RowView): Message["change"] {
  const change = changeOf(row.changeType, row.meta);
  if (change.case === "edit" && target?.deleted === false) change.value.content = target.content;
  return change;
}

function targetSeqOf(change: Message["change"]): bigint {
  const value: object | undefined = change.value;
  return value !== undefined && "targetSeqId" in value && typeof value.targetSeqId === "bigint"
    ? value.targetSeqId
    : 0n;
}
