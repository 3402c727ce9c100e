import { encodeServerFrame } from "#proto/frames.ts";
import { type Message, MessageKind } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson, rowFrame } from "#proto/message-json.ts";

/** The rows of one push, encoded for both kinds of clients. Every text goes unchanged to all its receivers. */
export interface PushFrames {
  /** One frame per row, in seq order: for clients of version 0. */
  readonly single: readonly string[];
  /** The same rows as few frames as their bound allows, in order: for clients of version ≥ 1. The very texts of
   *  `single` when there is one row. */
  readonly joined: readonly string[];
}

/** Encodes rows of one conversation, each once per kind of client. `needed` leaves out a kind that nobody listens to. */
export function pushFrames(
  conversationId: string,
  rows: readonly Message[],
  options: { readonly nowS: number; readonly bytesMax: number; readonly single: boolean; readonly joined: boolean },
): PushFrames {
  const alone = rows.length === 1;
  const single = options.single || (alone && options.joined) ? rows.map((row) => singleFrame(row, options.nowS)) : [];
  if (!options.joined) return { single, joined: [] };
  return { single, joined: alone ? single : joinedFrames(conversationId, rows, options.nowS, options.bytesMax) };
}

/** The frame that pushes one row alone. */
export function singleFrame(row: Message, nowS: number): string {
  const { type, data } = rowFrame(row);
  return encodeServerFrame(type, data, nowS);
}

/** `new-messages` frames of at most `bytesMax`; a single row that is larger goes alone. */
export function joinedFrames(
  conversationId: string,
  rows: readonly Message[],
  nowS: number,
  bytesMax: number,
): string[] {
  const head = `{"type":"new-messages","timestamp":${nowS},"data":{"conversationId":${JSON.stringify(conversationId)},"messages":[`;
  const tail = "]}}";
  const frames: string[] = [];
  let texts: string[] = [];
  let bytes = head.length + tail.length;
  for (const row of rows) {
    const text = JSON.stringify(messageToJson(row));
    const size = Buffer.byteLength(text) + 1;
    if (texts.length > 0 && bytes + size > bytesMax) {
      frames.push(head + texts.join(",") + tail);
      texts = [];
      bytes = head.length + tail.length;
    }
    texts.push(text);
    bytes += size;
  }
  if (texts.length > 0) frames.push(head + texts.join(",") + tail);
  return frames;
}

/** What counts as unread and may be shed; a change never is. */
export function isMessage(row: Message): boolean {
  return row.kind !== MessageKind.CHANGE;
}
