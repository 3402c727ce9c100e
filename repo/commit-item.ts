import { AppError } from "#proto/errors.ts";
import type { CommitItem as WireItem } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";

/** One message to store, its ids parsed. */
export interface CommitItem {
  readonly messageId: bigint;
  readonly conversationId: string;
  readonly senderId: bigint;
  readonly type: number;
  readonly content: string;
  /** Empty: this send cannot be repeated safely. */
  readonly clientMsgId: string;
  readonly sendHash: Uint8Array;
  readonly extra: string;
  readonly meta: string;
  readonly replyToId: bigint | undefined;
  readonly mentions: readonly string[];
  readonly createdAtMs: number;
}

const idText = /^\d{1,19}$/;
const idMax = 2n ** 63n - 1n;

/** A decimal id of 1 … 2^63 − 1. Throws INVALID_PARAMETER naming `field`. */
export function parseId(text: string, field: string): bigint {
  const id = idText.test(text) ? BigInt(text) : 0n;
  if (id < 1n || id > idMax) throw new AppError("INVALID_PARAMETER", { message: `${field} is not an id` });
  return id;
}

function parseItem(item: WireItem, at: number): CommitItem {
  if (item.sendHash.length !== 0 && item.sendHash.length !== 32) {
    throw new AppError("INVALID_PARAMETER", { message: `items[${at}].send_hash is not 32 bytes` });
  }
  return {
    messageId: parseId(item.messageId, `items[${at}].message_id`),
    conversationId: item.conversationId,
    senderId: parseId(item.senderId, `items[${at}].sender_id`),
    type: item.type,
    content: item.content,
    clientMsgId: item.clientMsgId,
    sendHash: item.sendHash,
    extra: item.extra,
    meta: item.meta,
    replyToId: item.replyToMessageId === "" ? undefined : parseId(item.replyToMessageId, `items[${at}].reply_to`),
    mentions: item.mentions,
    createdAtMs: Number(item.createdAtMs),
  };
}

/** Parses the items of one call. Throws INVALID_PARAMETER for a malformed id, PAYLOAD_TOO_LARGE past the bounds: both are
 *  errors of the caller's program, not of a user. */
export function parseItems(items: readonly WireItem[], itemsMax: number, bytesMax: number): CommitItem[] {
  if (items.length > itemsMax) {
    throw new AppError("PAYLOAD_TOO_LARGE", { message: `${items.length} items, at most ${itemsMax} fit` });
  }
  let bytes = 0;
  for (const item of items) bytes += (item.content.length + item.extra.length + item.meta.length) * 3;
  if (bytes > bytesMax) bytes = exactBytes(items);
  if (bytes > bytesMax) {
    throw new AppError("PAYLOAD_TOO_LARGE", { message: `${bytes} bytes, at most ${bytesMax} fit` });
  }
  return items.map(parseItem);
}

function exactBytes(items: readonly WireItem[]): number {
  let bytes = 0;
  for (const { content, extra, meta } of items) {
    bytes += Buffer.byteLength(content) + Buffer.byteLength(extra) + Buffer.byteLength(meta);
  }
  return bytes;
}
