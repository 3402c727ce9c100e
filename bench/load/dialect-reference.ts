import { create, toBinary } from "@bufbuild/protobuf";
import { JSON_SUBPROTOCOL, PROTO_SUBPROTOCOL } from "#proto/frames.ts";
import { type Message, MessageKind, MessageSchema, MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ServerFrameSchema } from "#proto/gen/gochat/gateway/v1/server_frame_pb.ts";
import { messageToJson, newMessageData } from "#proto/message-json.ts";
import type { Dialect, OutMessage } from "./dialect.ts";
import { jsonDialect } from "./dialect-json.ts";
import { protoDialect } from "./dialect-proto.ts";

/** Rows as GoChat makes them of messages, numbered from 1. */
export function createRows(): (messages: readonly OutMessage[]) => Message[] {
  let seq = 0;
  const row = (message: OutMessage): Message => {
    seq += 1;
    return create(MessageSchema, {
      id: String(2_124_568_060_948_910_080n + BigInt(seq)),
      conversationId: message.conversationId,
      sender: { id: "2124568060751777792", username: "guest_8f3k2m1x", isGuest: true },
      type: MessageType.TEXT,
      content: message.content,
      seqId: BigInt(seq),
      clientMsgId: message.clientMsgId,
      createdAt: 1_795_366_648n,
      updatedAt: 1_795_366_648n,
      kind: MessageKind.MESSAGE,
    });
  };
  return (messages) => messages.map(row);
}

/** The bare server publishes what it is sent, so its clients send frames of the very shape and size that GoChat pushes:
 *  `new-message`, or one `new-messages` with all messages of an instant where `joined`. */
export function referenceDialect(encoding: "text" | "proto", joined: boolean): Dialect {
  const base = encoding === "proto" ? protoDialect : jsonDialect;
  const rowsOf = createRows();
  const encode = encoding === "proto" ? protoFrame : jsonFrame;
  return {
    ...base,
    subprotocol: encoding === "proto" ? PROTO_SUBPROTOCOL : JSON_SUBPROTOCOL,
    path: "/ws",
    readyAtUpgrade: true,
    send: (messages) => {
      const rows = rowsOf(messages);
      return joined && rows.length > 1 ? [encode(rows)] : rows.map((one) => encode([one]));
    },
  };
}

function jsonFrame(rows: readonly Message[]): string {
  const [first] = rows;
  const timestamp = 1_795_366_648;
  if (rows.length === 1 && first !== undefined)
    return JSON.stringify({ type: "new-message", data: newMessageData(first), timestamp });
  const data = { conversationId: first?.conversationId, messages: rows.map(messageToJson) };
  return JSON.stringify({ type: "new-messages", timestamp, data });
}

function protoFrame(rows: readonly Message[]): Uint8Array {
  const [first] = rows;
  const timestamp = 1_795_366_648n;
  const payload =
    rows.length === 1 && first !== undefined
      ? { case: "newMessage" as const, value: first }
      : {
          case: "newMessages" as const,
          value: { conversationId: first?.conversationId ?? "", messages: [...rows] },
        };
  return toBinary(ServerFrameSchema, create(ServerFrameSchema, { timestamp, payload }));
}
