import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { PROTO_SUBPROTOCOL } from "#proto/frames.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ClientFrameSchema } from "#proto/gen/gochat/gateway/v1/client_frame_pb.ts";
import { MessageAckStatus, ServerFrameSchema } from "#proto/gen/gochat/gateway/v1/server_frame_pb.ts";
import { type Dialect, type Heard, type RowBatch, rowBatch } from "./dialect.ts";

/** `gochat.v1.proto`, as a client that takes joined frames. */
export const protoDialect: Dialect = {
  path: "/ws?v=1&platform=bot",
  subprotocol: PROTO_SUBPROTOCOL,
  readyAtUpgrade: false,
  hear,
  send: (messages) =>
    messages.map(({ conversationId, content, clientMsgId }) =>
      toBinary(
        ClientFrameSchema,
        create(ClientFrameSchema, {
          payload: { case: "sendMessage", value: { conversationId, content, messageType: 1, clientMsgId } },
        }),
      ),
    ),
  sync: (conversations) =>
    toBinary(
      ClientFrameSchema,
      create(ClientFrameSchema, {
        payload: {
          case: "sync",
          value: {
            conversations: conversations.map(({ id, afterSeq }) => ({ id, afterSeq: BigInt(afterSeq) })),
            limit: 100,
          },
        },
      }),
    ),
};

export function rowsOfProto(conversationId: string, rows: readonly Message[]): RowBatch {
  return rowBatch(
    conversationId,
    rows.map(({ seqId, id, content }) => ({ seq: Number(seqId), id, content })),
  );
}

function hear(bytes: Buffer): Heard {
  const { payload } = fromBinary(ServerFrameSchema, bytes);
  switch (payload.case) {
    case "newMessage":
    case "change":
      return { kind: "rows", batch: rowsOfProto(payload.value.conversationId, [payload.value]) };
    case "newMessages": {
      const { conversationId, messages, missed } = payload.value;
      const range =
        missed === undefined
          ? undefined
          : { conversationId, fromSeq: Number(missed.fromSeq), toSeq: Number(missed.toSeq) };
      return { kind: "rows", batch: rowsOfProto(conversationId, messages), missed: range };
    }
    case "missed": {
      const { conversationId, fromSeq, toSeq } = payload.value;
      return { kind: "missed", range: { conversationId, fromSeq: Number(fromSeq), toSeq: Number(toSeq) } };
    }
    case "messageAck": {
      const { clientMsgId, messageId, seqId, status } = payload.value;
      const success = status === MessageAckStatus.SUCCESS;
      return { kind: "ack", ack: { clientMsgId, messageId: String(messageId), seqId: Number(seqId), success } };
    }
    case "connected":
      return { kind: "connected" };
    case "syncResult":
      return {
        kind: "synced",
        batches: payload.value.conversations
          .filter(({ messages }) => messages.length > 0)
          .map(({ id, messages }) => rowsOfProto(id, messages)),
      };
    case "error":
      return { kind: "error", code: payload.value.code };
    default:
      return { kind: "other" };
  }
}
