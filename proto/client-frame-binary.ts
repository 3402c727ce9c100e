import { fromBinary } from "@bufbuild/protobuf";
import { type FrameFields, malformedFrame, type ParsedFrame, parseFrameFields } from "./client-frame.ts";
import { type ClientFrame, ClientFrameSchema, PresenceState } from "./gen/gochat/gateway/v1/client_frame_pb.ts";

/** Validates one binary frame of gochat.v1.proto; never throws. It becomes the fields of the JSON frame and then goes
 *  through the same rules, so that both subprotocols refuse the same things with the same errors. An empty string and a
 *  0 are what protobuf has for a field that is absent. */
export function parseClientFrameBytes(bytes: Uint8Array): ParsedFrame {
  let frame: ClientFrame;
  try {
    frame = fromBinary(ClientFrameSchema, bytes);
  } catch {
    return malformedFrame("Not a ClientFrame");
  }
  const { type, data } = fieldsOf(frame.payload);
  return parseFrameFields({ id: given(frame.id), type, data });
}

interface TypeAndData {
  readonly type: string | undefined;
  readonly data?: FrameFields;
}

function fieldsOf(payload: ClientFrame["payload"]): TypeAndData {
  switch (payload.case) {
    case "sendMessage": {
      const { conversationId, content, messageType, extra, clientMsgId, replyToMessageId, mentions } = payload.value;
      const replyTo = replyToMessageId === 0n ? undefined : String(replyToMessageId);
      const ids = { client_msg_id: given(clientMsgId), replyToMessageId: replyTo, mentions: mentions.map(String) };
      return { type: "send-message", data: { conversationId, content, messageType, extra: given(extra), ...ids } };
    }
    case "markRead": {
      const { conversationId, seqId } = payload.value;
      return { type: "mark-read", data: { conversationId, seqId: Number(seqId) } };
    }
    case "ping":
      return { type: "ping" };
    case "typing":
      return { type: "typing", data: { conversationId: payload.value.conversationId } };
    case "stopTyping":
      return { type: "stop-typing", data: { conversationId: payload.value.conversationId } };
    case "recallMessage": {
      const { messageId, reason, clientMsgId } = payload.value;
      return {
        type: "recall-message",
        data: { messageId: String(messageId), reason, client_msg_id: given(clientMsgId) },
      };
    }
    case "react": {
      const { messageId, emoji, remove, clientMsgId } = payload.value;
      return {
        type: "react",
        data: { messageId: String(messageId), emoji, remove, client_msg_id: given(clientMsgId) },
      };
    }
    case "sync": {
      const conversations = payload.value.conversations.map(({ id, afterSeq }) => ({ id, afterSeq: Number(afterSeq) }));
      const { limit } = payload.value;
      return { type: "sync", data: { conversations, limit: limit === 0 ? undefined : limit } };
    }
    case "presence":
      return { type: "presence", data: { state: states[payload.value.state] } };
    case "refreshAuth":
      return { type: "refresh-auth", data: { token: payload.value.token } };
    default:
      return { type: undefined };
  }
}

const states: Readonly<Record<number, string>> = {
  [PresenceState.ACTIVE]: "active",
  [PresenceState.BACKGROUND]: "background",
};

function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}
