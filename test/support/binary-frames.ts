import { create, fromBinary, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import type { Message } from "../../proto/gen/gochat/common/v1/message_pb.ts";
import {
  type ClientFrame,
  ClientFrameSchema,
  PresenceState,
} from "../../proto/gen/gochat/gateway/v1/client_frame_pb.ts";
import {
  MessageAckStatus,
  type ServerFrame,
  ServerFrameSchema,
} from "../../proto/gen/gochat/gateway/v1/server_frame_pb.ts";
import { messageToJson, rowFrame } from "../../proto/message-json.ts";
import type { Frame } from "./socket.ts";

/** Between the JSON frames that tests are written in and gochat.v1.proto, so that a test runs over either. */

type Fields = Readonly<Record<string, unknown>>;
type Payload = ClientFrame["payload"];

export function clientFrameBytes(type: string, data: unknown, id = ""): Uint8Array {
  const payload = payloadOf(type, (data ?? {}) as Fields);
  // The generated types want every field; `create` fills in what is absent.
  return toBinary(ClientFrameSchema, create(ClientFrameSchema, { id, payload } as never));
}

function payloadOf(type: string, data: Fields): { case: NonNullable<Payload["case"]>; value: Fields } {
  const clientMsgId = data.client_msg_id ?? "";
  switch (type) {
    case "send-message":
      return { case: "sendMessage", value: { ...data, clientMsgId } };
    case "mark-read":
      return { case: "markRead", value: { ...data, seqId: BigInt(Number(data.seqId)) } };
    case "recall-message":
      return { case: "recallMessage", value: { ...data, clientMsgId } };
    case "react":
      return { case: "react", value: { ...data, clientMsgId } };
    case "sync": {
      const conversations = (data.conversations as { id: string; afterSeq?: number }[]).map(({ id, afterSeq }) => ({
        id,
        afterSeq: BigInt(afterSeq ?? 0),
      }));
      return { case: "sync", value: { limit: data.limit ?? 0, conversations } };
    }
    case "presence":
      return {
        case: "presence",
        value: { state: data.state === "active" ? PresenceState.ACTIVE : PresenceState.BACKGROUND },
      };
    case "refresh-auth":
      return { case: "refreshAuth", value: data };
    case "ping":
      return { case: "ping", value: {} };
    case "typing":
      return { case: "typing", value: data };
    case "stop-typing":
      return { case: "stopTyping", value: data };
    default:
      throw new Error(`no binary form of ${type} here`);
  }
}

/** `split`: rows that came joined are shown one by one, as JSON shows them to a client of version 0. */
export function serverFramesOf(bytes: Uint8Array, split: boolean): Frame[] {
  const frame = fromBinary(ServerFrameSchema, bytes);
  const timestamp = Number(frame.timestamp);
  if (split && frame.payload.case === "newMessages") {
    return frame.payload.value.messages.map((row) => {
      const { type, data } = rowFrame(row);
      return { type, data: { ...data }, timestamp };
    });
  }
  const { type, data } = typeAndData(frame);
  return [{ type, data, timestamp, ...(frame.id === "" ? {} : { id: frame.id }) }];
}

function typeAndData(frame: ServerFrame): { type: string; data: Record<string, unknown> } {
  const { payload } = frame;
  switch (payload.case) {
    case "newMessage":
    case "change": {
      const { type, data } = rowFrame(payload.value);
      return { type, data: { ...data } };
    }
    case "newMessages": {
      const { conversationId, messages, missed } = payload.value;
      const data: Record<string, unknown> = { conversationId, messages: rows(messages) };
      if (missed !== undefined) data.missed = { fromSeq: Number(missed.fromSeq), toSeq: Number(missed.toSeq) };
      return { type: "new-messages", data };
    }
    case "syncResult":
      return {
        type: "sync-result",
        data: {
          ...plain(frame),
          conversations: payload.value.conversations.map((one) => ({
            id: one.id,
            messages: rows(one.messages),
            completeFrom: Number(one.completeFrom),
            completeTo: Number(one.completeTo),
            latestSeqId: Number(one.latestSeqId),
            hasMore: one.hasMore,
            ...(one.error === "" ? {} : { error: one.error }),
          })),
        },
      };
    case "messageAck": {
      const { clientMsgId, messageId, ...others } = plain(frame);
      // A send that failed has none.
      const rest = messageId === "0" ? others : { ...others, messageId };
      const status = payload.value.status === MessageAckStatus.SUCCESS ? "success" : "failed";
      return { type: "message-ack", data: { ...rest, client_msg_id: clientMsgId, status } };
    }
    case "draftUpdated": {
      const { replyToMessageId, ...data } = plain(frame);
      if (replyToMessageId !== 0) data.replyToMessageId = String(replyToMessageId);
      return { type: "draft-updated", data };
    }
    case "onlineStatus": {
      const { userId, online, lastSeen } = payload.value;
      const data = { userId: userId.toString(), status: online ? "online" : "offline" };
      return { type: "online-status", data: lastSeen === 0n ? data : { ...data, lastSeen: Number(lastSeen) } };
    }
    case "friendAdded": {
      const { friend: given, ...data } = plain(frame);
      const friend = given as JsonObject;
      const times = ["createdAt", "updatedAt", "lastSeen"].map((name) => [name, Number(friend[name])]);
      const numbers = { ...Object.fromEntries(times), status: Number(payload.value.friend?.status) };
      return { type: "friend-added", data: { ...data, friend: { ...friend, ...numbers } } };
    }
    case "notification":
      return { type: "notification", data: { ...plain(frame), payload: JSON.parse(payload.value.payload) } };
    case undefined:
      throw new Error("a server frame without a payload that is known");
    default:
      return { type: payload.case.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), data: plain(frame) };
  }
}

function rows(messages: readonly Message[]): unknown[] {
  return messages.map(messageToJson);
}

const texts = new Set(["userId", "messageId", "requestId", "sessionId", "conversationId", "id", "code", "message"]);

/** Ids stay decimal text, other int64 become numbers, JSON texts objects. */
function plain({ payload }: ServerFrame): Record<string, unknown> {
  const json = toJson(ServerFrameSchema, create(ServerFrameSchema, { payload }), { alwaysEmitImplicit: true });
  const fields = (json as JsonObject)[payload.case ?? ""] as JsonObject;
  const data: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const isNumber = typeof value === "string" && !texts.has(name) && /^\d+$/.test(value);
    if (name === "details" || name === "conversation")
      data[name] = value === "" ? undefined : JSON.parse(String(value));
    else data[name] = isNumber ? Number(value) : value;
  }
  return data;
}
