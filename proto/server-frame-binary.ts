import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ServerFrameData, ServerFrameType } from "./frames.ts";
import type { FriendStatus } from "./gen/gochat/common/v1/friend_pb.ts";
import type { Message } from "./gen/gochat/common/v1/message_pb.ts";
import { MessageAckStatus, ServerFrameSchema } from "./gen/gochat/gateway/v1/server_frame_pb.ts";
import type { FriendJson, UserInfoJson } from "./objects.ts";

/**
 * Server frames of the subprotocol gochat.v1.proto, from the same data that the JSON frames are made of. Frames that
 * carry stream rows are not among them: rows are copied from the log as they came (`row-frames-binary.ts`).
 */

type RowFrameType =
  | ("new-message" | "new-messages" | "sync-result" | "member-added" | "member-removed" | "member-updated")
  | ("message-recalled" | "message-edited" | "message-reaction");

/** Frames without stream rows. */
export type PlainFrameType = Exclude<ServerFrameType, RowFrameType>;

/** One conversation of a sync, its rows as they came from the log. */
export interface SyncedRows {
  readonly id: string;
  readonly messages: Message[];
  readonly completeFrom: number;
  readonly completeTo: number;
  readonly latestSeqId: number;
  readonly hasMore: boolean;
  readonly error?: string;
}

type Payload = NonNullable<MessageInitShape<typeof ServerFrameSchema>["payload"]>;

/** The frame as bytes. `id` echoes the client's. */
export function encodeServerFrameBytes<T extends PlainFrameType>(
  type: T,
  data: ServerFrameData[T],
  timestamp: number,
  id?: string,
): Uint8Array {
  return encode(payloads[type](data), timestamp, id);
}

export function encodeSyncResultBytes(
  { conversations, done }: { readonly conversations: readonly SyncedRows[]; readonly done: boolean },
  timestamp: number,
  id?: string,
): Uint8Array {
  const synced = conversations.map(({ completeFrom, completeTo, latestSeqId, ...rest }) => ({
    ...rest,
    completeFrom: BigInt(completeFrom),
    completeTo: BigInt(completeTo),
    latestSeqId: BigInt(latestSeqId),
  }));
  return encode({ case: "syncResult", value: { conversations: synced, done } }, timestamp, id);
}

/** A frame whose data came as JSON text from another service; undefined for what this subprotocol cannot say. */
export function encodeSignalBytes(type: string, json: string, timestamp: number): Uint8Array | undefined {
  if (!isPlainType(type)) return undefined;
  try {
    // The services make the data by the same types.
    return encodeServerFrameBytes(type, JSON.parse(json) as never, timestamp);
  } catch {
    return undefined;
  }
}

function isPlainType(type: string): type is PlainFrameType {
  return Object.hasOwn(payloads, type);
}

function encode(payload: Payload, timestamp: number, id = ""): Uint8Array {
  return toBinary(ServerFrameSchema, create(ServerFrameSchema, { id, timestamp: BigInt(timestamp), payload }));
}

const payloads: { readonly [T in PlainFrameType]: (data: ServerFrameData[T]) => Payload } = {
  connected: ({ sessionId, userId, gatewayId, heartbeatSeconds, serverTimeMs, limits }) => {
    const { maxFrameBytes, maxContentChars, sendPerSecond, bytesPerSecond } = limits;
    const whole = { sendPerSecond: Math.trunc(sendPerSecond), bytesPerSecond: Math.trunc(bytesPerSecond) };
    const ids = { sessionId, userId: BigInt(userId), gatewayId, heartbeatSeconds };
    const value = { ...ids, serverTimeMs: BigInt(serverTimeMs), limits: { maxFrameBytes, maxContentChars, ...whole } };
    return { case: "connected", value };
  },
  "message-ack": (data) => ({
    case: "messageAck",
    value: {
      clientMsgId: data.client_msg_id,
      messageId: BigInt(data.messageId ?? 0),
      status: data.status === "success" ? MessageAckStatus.SUCCESS : MessageAckStatus.FAILED,
      seqId: BigInt(data.seqId ?? 0),
      conversationId: data.conversationId ?? "",
      createdAt: BigInt(data.createdAt ?? 0),
      code: data.code ?? "",
      message: data.message ?? "",
      duplicate: data.duplicate ?? false,
    },
  }),
  "online-status": ({ userId, status, lastSeen }) => ({
    case: "onlineStatus",
    value: { userId: BigInt(userId), online: status === "online", lastSeen: BigInt(lastSeen ?? 0) },
  }),
  pong: ({ serverTimeMs }) => ({ case: "pong", value: { serverTimeMs: BigInt(serverTimeMs) } }),
  error: ({ code, message, details }) => ({ case: "error", value: { code, message, details: jsonOf(details) } }),
  "conversation-updated": ({ conversationId, changed, conversation }) => ({
    case: "conversationUpdated",
    value: { conversationId, changed, conversation: jsonOf(conversation) },
  }),
  "typing-indicator": ({ conversationId, userId, typing }) => ({
    case: "typingIndicator",
    value: { conversationId, userId: BigInt(userId), typing },
  }),
  "message-read": ({ conversationId, userId, lastReadSeqId }) => ({
    case: "messageRead",
    value: { conversationId, userId: BigInt(userId), lastReadSeqId: BigInt(lastReadSeqId) },
  }),
  "draft-updated": ({ conversationId, content, replyToMessageId, updatedAt, version }) => ({
    case: "draftUpdated",
    value: {
      ...{ conversationId, content, replyToMessageId: BigInt(replyToMessageId ?? 0) },
      ...{ updatedAt: BigInt(updatedAt), version: BigInt(version) },
    },
  }),
  "friend-request": ({ requestId, requester, message, event }) => ({
    case: "friendRequest",
    value: { requestId: BigInt(requestId), requester: userOf(requester), message: message ?? "", event },
  }),
  "friend-added": ({ friend, conversationId }) => ({
    case: "friendAdded",
    value: { friend: friendOf(friend), conversationId },
  }),
  "friend-removed": ({ userId }) => ({ case: "friendRemoved", value: { userId: BigInt(userId) } }),
  notification: ({ id, type, payload, createdAt }) => ({
    case: "notification",
    value: { id, type, payload: jsonOf(payload), createdAt: BigInt(createdAt) },
  }),
  "read-ack": ({ conversationId, lastReadSeqId, unreadCount }) => ({
    case: "readAck",
    value: { conversationId, lastReadSeqId: BigInt(lastReadSeqId), unreadCount: BigInt(unreadCount) },
  }),
  "auth-refreshed": ({ expiresIn }) => ({ case: "authRefreshed", value: { expiresIn: BigInt(expiresIn) } }),
  missed: ({ conversationId, fromSeq, toSeq }) => ({
    case: "missed",
    value: { conversationId, fromSeq: BigInt(fromSeq), toSeq: BigInt(toSeq) },
  }),
  resync: ({ conversationIds }) => ({ case: "resync", value: { conversationIds: conversationIds ?? [] } }),
  "server-draining": ({ reconnectAfterMs }) => ({
    case: "serverDraining",
    value: { reconnectAfterMs: BigInt(reconnectAfterMs) },
  }),
};

function jsonOf(object: Record<string, unknown> | undefined): string {
  return object === undefined ? "" : JSON.stringify(object);
}

function userOf({ id, username, avatarUrl, isGuest }: UserInfoJson) {
  return { id, username, avatarUrl: avatarUrl ?? "", isGuest: isGuest ?? false };
}

function friendOf({ userId, friendId, status, remark, online, ...rest }: FriendJson) {
  return {
    userId,
    friendId,
    status: status as FriendStatus,
    createdAt: BigInt(rest.createdAt),
    updatedAt: BigInt(rest.updatedAt ?? 0),
    ...(rest.friend === undefined ? {} : { friend: userOf(rest.friend) }),
    remark: remark ?? "",
    online: online ?? false,
    lastSeen: BigInt(rest.lastSeen ?? 0),
  };
}
