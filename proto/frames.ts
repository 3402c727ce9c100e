import type { z } from "zod";
import type { serverFrames, synced } from "./schemas/server-frames.ts";

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

/** Data by frame type: types of the schemas in `schemas/server-frames.ts`. */
export type ServerFrameData = { [T in keyof typeof serverFrames]: z.infer<(typeof serverFrames)[T]> };

export type ConnectedData = ServerFrameData["connected"];
export type NewMessageData = ServerFrameData["new-message"];
export type MessageAckData = ServerFrameData["message-ack"];
export type ErrorData = ServerFrameData["error"];
export type SyncedConversationJson = z.infer<typeof synced>;

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
