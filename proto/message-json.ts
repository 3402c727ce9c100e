import type { NewMessageData, ServerFrameData, ServerFrameType } from "./frames.ts";
import type { FileInfo } from "./gen/gochat/common/v1/file_pb.ts";
import { type Message, MessageKind } from "./gen/gochat/common/v1/message_pb.ts";
import type { UserInfo } from "./gen/gochat/common/v1/user_pb.ts";
import type { ChangeBase, ChangeJson, FileInfoJson, MessageJson, UserInfoJson } from "./objects.ts";

/** From stream rows of the wire to JSON: the `Message` object of HTTP and sync, and the frames that push one row. */

export function userInfoToJson(user: UserInfo): UserInfoJson {
  const json: UserInfoJson = { id: user.id, username: user.username };
  if (user.avatarUrl !== "") json.avatarUrl = user.avatarUrl;
  if (user.isGuest) json.isGuest = true;
  return json;
}

export function fileInfoToJson(file: FileInfo): FileInfoJson {
  const json: FileInfoJson = {
    fileId: file.fileId,
    filename: file.filename,
    size: Number(file.size),
    mimeType: file.mimeType,
    url: file.url,
  };
  if (file.hash !== "") json.hash = file.hash;
  if (file.thumbnailUrl !== "") json.thumbnailUrl = file.thumbnailUrl;
  if (file.width !== 0) json.width = file.width;
  if (file.height !== 0) json.height = file.height;
  if (file.duration !== 0) json.duration = file.duration;
  return json;
}

export function messageToJson(row: Message): MessageJson {
  const isChange = row.kind === MessageKind.CHANGE;
  const json: MessageJson = {
    id: row.id,
    conversationId: row.conversationId,
    senderId: row.sender?.id ?? "0",
    messageType: row.type,
    content: row.content,
    seqId: Number(row.seqId),
    kind: isChange ? "change" : "message",
    deleted: row.deleted,
    createdAt: Number(row.createdAt),
  };
  if (row.sender !== undefined && row.sender.username !== "") json.sender = userInfoToJson(row.sender);
  if (row.clientMsgId !== "") json.clientMsgId = row.clientMsgId;
  if (row.extra !== "") json.extra = row.extra;
  if (row.updatedAt !== 0n) json.updatedAt = Number(row.updatedAt);
  if (row.file !== undefined) json.file = fileInfoToJson(row.file);
  if (row.editedAt !== 0n) json.editedAt = Number(row.editedAt);
  if (row.recalledBy !== "") json.recalledBy = row.recalledBy;
  if (row.recalledAt !== 0n) json.recalledAt = Number(row.recalledAt);
  if (row.mentions.length > 0) json.mentions = row.mentions;
  if (row.reactions.length > 0) {
    json.reactions = row.reactions.map(({ emoji, count, mine }) => ({ emoji, count, mine }));
  }
  const replyTo = replyToJson(row);
  if (replyTo !== undefined) json.replyTo = replyTo;
  const forwardedFrom = forwardedFromJson(row);
  if (forwardedFrom !== undefined) json.forwardedFrom = forwardedFrom;
  if (isChange) addChange(json, row);
  return json;
}

function addChange(json: MessageJson, row: Message): void {
  json.changeType = row.changeType;
  if (row.targetMessageId !== "") json.targetMessageId = row.targetMessageId;
  if (row.targetSeqId !== 0n) json.targetSeqId = Number(row.targetSeqId);
  json.change = { ...baseOf(row), ...changeFrame(row).data } satisfies ChangeJson;
}

function replyToJson(row: Message): MessageJson["replyTo"] | undefined {
  const { replyTo } = row;
  if (replyTo === undefined) return undefined;
  return {
    messageId: replyTo.messageId,
    seqId: Number(replyTo.seqId),
    senderId: replyTo.senderId,
    preview: replyTo.preview,
  };
}

function forwardedFromJson(row: Message): MessageJson["forwardedFrom"] | undefined {
  const { forwardedFrom } = row;
  if (forwardedFrom === undefined) return undefined;
  const { messageId, conversationId, senderId } = forwardedFrom;
  return { messageId, conversationId, senderId };
}

/** The data of a `new-message` frame; for rows of kind MESSAGE. */
export function newMessageData(row: Message): NewMessageData {
  const data: NewMessageData = {
    id: row.id,
    conversationId: row.conversationId,
    sender: row.sender === undefined ? { id: "0", username: "" } : userInfoToJson(row.sender),
    content: row.content,
    messageType: row.type,
    seqId: Number(row.seqId),
    createdAt: Number(row.createdAt),
  };
  if (row.clientMsgId !== "") data.clientMsgId = row.clientMsgId;
  if (row.extra !== "") data.extra = row.extra;
  if (row.mentions.length > 0) data.mentions = row.mentions;
  if (row.file !== undefined) data.file = fileInfoToJson(row.file);
  const replyTo = replyToJson(row);
  if (replyTo !== undefined) data.replyTo = replyTo;
  const forwardedFrom = forwardedFromJson(row);
  if (forwardedFrom !== undefined) data.forwardedFrom = forwardedFrom;
  return data;
}

/** Type and data of the frame that pushes one row alone, of either kind. */
export function rowFrame(row: Message): FrameOf<ServerFrameType> {
  if (row.kind === MessageKind.CHANGE) return changeFrame(row);
  return { type: "new-message", data: newMessageData(row) };
}

type FrameOf<T extends ServerFrameType> = { [K in T]: { type: K; data: ServerFrameData[K] } }[T];

type ChangeFrameType =
  | "conversation-updated"
  | "member-added"
  | "member-removed"
  | "member-updated"
  | "message-recalled"
  | "message-edited"
  | "message-reaction";

function baseOf(row: Message): ChangeBase {
  const base: ChangeBase = {
    id: row.id,
    conversationId: row.conversationId,
    seqId: Number(row.seqId),
    operatorId: row.sender?.id ?? "0",
    createdAt: Number(row.createdAt),
  };
  if (row.clientMsgId !== "") base.clientMsgId = row.clientMsgId;
  return base;
}

/** A change of a type that this program does not know says only that something changed: its seq still counts. */
export function changeFrame(row: Message): FrameOf<ChangeFrameType> {
  const base = baseOf(row);
  const { change } = row;
  switch (change.case) {
    case "recall":
    case "edit":
    case "reaction":
      return messageChange(base, change);
    case "memberAdded":
    case "memberRemoved":
    case "memberLeft":
    case "memberRole":
    case "memberMute":
      return memberChange(base, change);
    case "pin":
    case "unpin": {
      const { messageId, targetSeqId } = change.value;
      const data = {
        ...base,
        changed: ["pins"],
        pinned: change.case === "pin",
        messageId,
        targetSeqId: Number(targetSeqId),
      };
      return { type: "conversation-updated", data };
    }
    case "infoUpdated": {
      const { changed, conversation } = change.value;
      return { type: "conversation-updated", data: { ...base, changed, conversation: objectOf(conversation) } };
    }
    case "roomMode":
      return { type: "conversation-updated", data: { ...base, changed: ["roomMode"], room: change.value.room } };
    case "dissolved":
      return { type: "conversation-updated", data: { ...base, changed: ["dissolved"], reason: change.value.reason } };
    default:
      return { type: "conversation-updated", data: { ...base, changed: [] } };
  }
}

type ChangeOf<C> = Extract<Message["change"], { case: C }>;

function messageChange(base: ChangeBase, change: ChangeOf<"recall" | "edit" | "reaction">): FrameOf<ChangeFrameType> {
  const { messageId } = change.value;
  const targetSeqId = Number(change.value.targetSeqId);
  switch (change.case) {
    case "recall": {
      const recalledAt = Number(change.value.recalledAt);
      return { type: "message-recalled", data: { ...base, messageId, targetSeqId, recalledAt } };
    }
    case "edit": {
      const { content, editedAt } = change.value;
      const data = { ...base, messageId, targetSeqId, content, editedAt: Number(editedAt) };
      return { type: "message-edited", data };
    }
    case "reaction": {
      const { userId, emoji, removed, count } = change.value;
      return { type: "message-reaction", data: { ...base, messageId, targetSeqId, userId, emoji, removed, count } };
    }
  }
}

type MemberChangeCase = "memberAdded" | "memberRemoved" | "memberLeft" | "memberRole" | "memberMute";

function memberChange(base: ChangeBase, change: ChangeOf<MemberChangeCase>): FrameOf<ChangeFrameType> {
  switch (change.case) {
    case "memberAdded": {
      const members = change.value.members.map(({ userId, username, role }) => ({ userId, username, role }));
      return { type: "member-added", data: { ...base, members, memberCount: change.value.memberCount } };
    }
    case "memberRemoved":
    case "memberLeft": {
      const { userIds, memberCount } = change.value;
      const reason = change.case === "memberLeft" ? "left" : "removed";
      return { type: "member-removed", data: { ...base, userIds, reason, memberCount } };
    }
    case "memberRole": {
      const { userId, role } = change.value;
      return { type: "member-updated", data: { ...base, userId, role } };
    }
    case "memberMute": {
      const { userId, muted, mutedUntil } = change.value;
      return { type: "member-updated", data: { ...base, userId, muted, mutedUntil: Number(mutedUntil) } };
    }
  }
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
