import { toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Message, MessageKind, MessageSchema } from "./gen/gochat/common/v1/message_pb.ts";
import { NewMessagesSchema, SeqRangeSchema, ServerFrameSchema } from "./gen/gochat/gateway/v1/server_frame_pb.ts";

/**
 * Frames of gochat.v1.proto that carry stream rows. A row is encoded once and its bytes are copied into every frame that
 * shows it: alone, joined, or both.
 */

/** Inclusive. */
export interface SeqRange {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** A row as bytes of gochat.common.v1.Message. */
export function encodeRow(row: Message): Uint8Array {
  return toBinary(MessageSchema, row);
}

/** The frame that shows one row alone: `new_message`, or `change`. */
export function rowFrameBytes(row: Message, bytes: Uint8Array, timestamp: number): Uint8Array {
  const { newMessage, change } = ServerFrameSchema.field;
  const { number } = row.kind === MessageKind.CHANGE ? change : newMessage;
  return frameHead(timestamp).tag(number, WireType.LengthDelimited).bytes(bytes).finish();
}

/** One `new_messages` frame. */
export function rowsFrameBytes(
  conversationId: string,
  rows: readonly Uint8Array[],
  missed: SeqRange | undefined,
  timestamp: number,
): Uint8Array {
  const { field } = NewMessagesSchema;
  const writer = frameHead(timestamp).tag(ServerFrameSchema.field.newMessages.number, WireType.LengthDelimited).fork();
  writer.tag(field.conversationId.number, WireType.LengthDelimited).string(conversationId);
  for (const row of rows) writer.tag(field.messages.number, WireType.LengthDelimited).bytes(row);
  if (missed !== undefined) {
    const { fromSeq, toSeq } = SeqRangeSchema.field;
    writer.tag(field.missed.number, WireType.LengthDelimited).fork();
    writer.tag(fromSeq.number, WireType.Varint).int64(missed.fromSeq);
    writer.tag(toSeq.number, WireType.Varint).int64(missed.toSeq).join();
  }
  return writer.join().finish();
}

function frameHead(timestamp: number): BinaryWriter {
  return new BinaryWriter().tag(ServerFrameSchema.field.timestamp.number, WireType.Varint).int64(timestamp);
}
