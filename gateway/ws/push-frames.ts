import { encodeServerFrame } from "#proto/frames.ts";
import { type Message, MessageKind } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson, rowFrame } from "#proto/message-json.ts";
import { encodeRow, rowFrameBytes, rowsFrameBytes, type SeqRange } from "#proto/row-frames-binary.ts";
import { encodeServerFrameBytes } from "#proto/server-frame-binary.ts";
import type { Carried, Wire } from "./wire.ts";

/** The rows of one push, encoded once per form of delivery. Every frame goes unchanged to all its receivers. */
export interface PushFrames {
  /** One frame per row, in seq order. */
  readonly single: readonly string[];
  /** The same rows as few frames as their bound allows, in order. The very texts of `single` when there is one row. */
  readonly joined: readonly string[];
  readonly binary: readonly Uint8Array[];
}

/** Rows that follow each other, after a range that was left out on purpose. `rows` may be empty then. */
export interface Segment {
  readonly missed: SeqRange | undefined;
  readonly rows: readonly Message[];
}

export interface PushFrameOptions {
  readonly nowS: number;
  /** Of a frame; a single row that is larger goes alone. */
  readonly bytesMax: number;
}

/** Encodes rows of one conversation; a form that nobody listens by is left out. */
export function pushFrames(
  conversationId: string,
  segments: readonly Segment[],
  needed: Carried,
  options: PushFrameOptions,
): PushFrames {
  const frames = { single: [] as string[], joined: [] as string[], binary: [] as Uint8Array[] };
  for (const segment of segments) {
    if (needed.single) frames.single.push(...singleFrames(conversationId, segment, options.nowS));
    if (needed.joined) frames.joined.push(...joinedFrames(conversationId, segment, options));
    if (needed.binary) frames.binary.push(...binaryFrames(conversationId, segment, options));
  }
  return frames;
}

/** The frame that pushes one row alone. */
export function singleFrame(row: Message, nowS: number): string {
  const { type, data } = rowFrame(row);
  return encodeServerFrame(type, data, nowS);
}

/** The same for one carrier. */
export function aloneFrame(row: Message, nowS: number, binary: boolean): Wire {
  return binary ? rowFrameBytes(row, encodeRow(row), nowS) : singleFrame(row, nowS);
}

function singleFrames(conversationId: string, { missed, rows }: Segment, nowS: number): string[] {
  const frames = rows.map((row) => singleFrame(row, nowS));
  if (missed !== undefined) frames.unshift(encodeServerFrame("missed", { conversationId, ...missed }, nowS));
  return frames;
}

/** `new-messages` frames; what was left out is told by the first. */
function joinedFrames(
  conversationId: string,
  { missed, rows }: Segment,
  { nowS, bytesMax }: PushFrameOptions,
): string[] {
  const [first] = rows;
  if (first === undefined) return singleFrames(conversationId, { missed, rows }, nowS);
  if (missed === undefined && rows.length === 1) return [singleFrame(first, nowS)];
  const head = `{"type":"new-messages","timestamp":${nowS},"data":{"conversationId":${JSON.stringify(conversationId)},`;
  const fixed = head.length + 128;
  const texts = rows.map((row) => JSON.stringify(messageToJson(row)));
  return cut(texts, (text) => Buffer.byteLength(text) + 1, bytesMax - fixed).map((part, index) => {
    const left = index === 0 && missed !== undefined ? `"missed":${JSON.stringify(missed)},` : "";
    return `${head}${left}"messages":[${part.join(",")}]}}`;
  });
}

/** The same as protobuf. */
function binaryFrames(
  conversationId: string,
  { missed, rows }: Segment,
  { nowS, bytesMax }: PushFrameOptions,
): Uint8Array[] {
  const [first] = rows;
  if (first === undefined) {
    return missed === undefined ? [] : [encodeServerFrameBytes("missed", { conversationId, ...missed }, nowS)];
  }
  if (missed === undefined && rows.length === 1) return [rowFrameBytes(first, encodeRow(first), nowS)];
  // Tag and length of a row, and everything around the rows.
  return cut(rows.map(encodeRow), (bytes) => bytes.length + 6, bytesMax - 256).map((part, index) =>
    rowsFrameBytes(conversationId, part, index === 0 ? missed : undefined, nowS),
  );
}

/** Parts of at most `bytesMax` in order; one that is larger alone. */
function cut<T>(items: readonly T[], sizeOf: (item: T) => number, bytesMax: number): T[][] {
  const parts: T[][] = [];
  let part: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (part.length > 0 && bytes + size > bytesMax) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

/** What counts as unread and may be shed; a change never is. */
export function isMessage(row: Message): boolean {
  return row.kind !== MessageKind.CHANGE;
}
