import type { ChangeBase, FriendJson, MessageJson, UserInfoJson } from "./objects.ts";

/**
 * The JSON frames of the WebSocket, subprotocol gochat.v1.json. `timestamp` is Unix seconds and set by the server only; a
 * client's `id` comes back in the direct answer. Parsing of client frames: `client-frame.ts`.
 */

export const JSON_SUBPROTOCOL = "gochat.v1.json";
export const PROTO_SUBPROTOCOL = "gochat.v1.proto";
/** Prefix of the subprotocol entry that carries an access token. */
export const BEARER_SUBPROTOCOL_PREFIX = "bearer.";

export interface SendMessageData {
  conversationId: string;
  content: string;
  messageType: number;
  /** Absent: the gateway fills one in, and the send cannot be repeated safely. */
  clientMsgId: string | undefined;
  /** JSON text. */
  extra: string | undefined;
  replyToMessageId: string | undefined;
  mentions: readonly string[];
}

/** A client frame after validation; aliases are resolved. */
export type ClientFrame = { readonly id: string | undefined } & (
  | { readonly type: "send-message"; readonly data: SendMessageData }
  | { readonly type: "mark-read"; readonly data: { conversationId: string; seqId: number } }
  | { readonly type: "ping" }
  | { readonly type: "typing" | "stop-typing"; readonly data: { conversationId: string } }
  | {
      readonly type: "recall-message";
      readonly data: { messageId: string; reason: string; clientMsgId: string | undefined };
    }
  | {
      readonly type: "react";
      readonly data: { messageId: string; emoji: string; remove: boolean; clientMsgId: string | undefined };
    }
  | {
      readonly type: "sync";
      readonly data: { conversations: readonly { id: string; afterSeq: number }[]; limit: number };
    }
  | { readonly type: "presence"; readonly data: { state: "active" | "background" } }
  | { readonly type: "refresh-auth"; readonly data: { token: string } }
);

export type ClientFrameType = ClientFrame["type"];

export interface ConnectedData {
  sessionId: string;
  userId: string;
  gatewayId: string;
  heartbeatSeconds: number;
  serverTimeMs: number;
  limits: { maxFrameBytes: number; maxContentChars: number; sendPerSecond: number; bytesPerSecond: number };
}

export interface NewMessageData {
  id: string;
  conversationId: string;
  sender: UserInfoJson;
  content: string;
  messageType: number;
  seqId: number;
  createdAt: number;
  clientMsgId?: string;
  extra?: string;
  replyTo?: MessageJson["replyTo"];
  mentions?: string[];
  file?: MessageJson["file"];
  forwardedFrom?: MessageJson["forwardedFrom"];
}

export interface MessageAckData {
  client_msg_id: string;
  messageId?: string;
  status: "success" | "failed";
  seqId?: number;
  conversationId?: string;
  createdAt?: number;
  /** With `failed`. */
  code?: string;
  message?: string;
  duplicate?: boolean;
}

export interface ErrorData {
  code: string;
  message: string;
  details?: Record<string, unknown>;
}

export interface SyncedConversationJson {
  id: string;
  messages: MessageJson[];
  completeFrom: number;
  completeTo: number;
  latestSeqId: number;
  hasMore: boolean;
  /** Name of an error. */
  error?: string;
}

interface MemberJson {
  userId: string;
  username: string;
  role: number;
}

/** Data by frame type. Types of stream rows of kind change extend ChangeBase. */
export interface ServerFrameData {
  connected: ConnectedData;
  "new-message": NewMessageData;
  "new-messages": {
    conversationId: string;
    messages: MessageJson[];
    missed?: { fromSeq: number; toSeq: number };
  };
  "message-ack": MessageAckData;
  "online-status": { userId: string; status: "online" | "offline"; lastSeen?: number };
  pong: { serverTimeMs: number };
  error: ErrorData;
  "conversation-updated": (ChangeBase | { conversationId: string }) & {
    changed: string[];
    conversation?: Record<string, unknown>;
    room?: boolean;
    reason?: string;
    pinned?: boolean;
    messageId?: string;
    targetSeqId?: number;
  };
  "member-added": ChangeBase & { members: MemberJson[]; memberCount: number };
  "member-removed": ChangeBase & { userIds: string[]; reason: "removed" | "left"; memberCount: number };
  "member-updated": ChangeBase & { userId: string; role?: number; muted?: boolean; mutedUntil?: number };
  "typing-indicator": { conversationId: string; userId: string; typing: boolean };
  "message-recalled": ChangeBase & { messageId: string; targetSeqId: number; recalledAt: number };
  "message-edited": ChangeBase & { messageId: string; targetSeqId: number; content: string; editedAt: number };
  "message-reaction": ChangeBase & {
    messageId: string;
    targetSeqId: number;
    userId: string;
    emoji: string;
    removed: boolean;
    /** Users with this emoji after the change. */
    count: number;
  };
  "message-read": { conversationId: string; userId: string; lastReadSeqId: number };
  "friend-request": {
    requestId: string;
    requester: UserInfoJson;
    message?: string;
    event: "received" | "accepted" | "rejected";
  };
  "friend-added": { friend: FriendJson; conversationId: string };
  "friend-removed": { userId: string };
  notification: { id: string; type: string; payload: Record<string, unknown>; createdAt: number };
  "sync-result": { conversations: SyncedConversationJson[]; done: boolean };
  "read-ack": { conversationId: string; lastReadSeqId: number; unreadCount: number };
  "auth-refreshed": { expiresIn: number };
  missed: { conversationId: string; fromSeq: number; toSeq: number };
  resync: { conversationIds?: string[] };
  "server-draining": { reconnectAfterMs: number };
}

export type ServerFrameType = keyof ServerFrameData;

export type ServerFrame = {
  [T in ServerFrameType]: { type: T; data: ServerFrameData[T]; timestamp: number; id?: string };
}[ServerFrameType];

/** The frame as text. `id` echoes the client's. */
export function encodeServerFrame<T extends ServerFrameType>(
  type: T,
  data: ServerFrameData[T],
  timestamp: number,
  id?: string,
): string {
  return JSON.stringify(id === undefined ? { type, data, timestamp } : { type, data, timestamp, id });
}

/** Close codes of the WebSocket. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  wrongFrameType: 1003,
  badUtf8: 1007,
  tooLarge: 1009,
  internal: 1011,
  overloaded: 1013,
  tokenExpired: 4001,
  replaced: 4002,
  accountDisabled: 4003,
  signedOut: 4004,
  heartbeatTimeout: 4008,
  slowConsumer: 4009,
  abuse: 4029,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];
