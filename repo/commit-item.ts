import { AppError, type ErrorName } from "#proto/errors.ts";
import type { CommitItem as WireItem } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { isId } from "#proto/limits.ts";

/** A decision made before the commit: a name of the error table, and a text that the sender may see. */
export interface Refusal {
  readonly code: ErrorName;
  readonly message: string;
  /** Of USER_MUTED: Unix seconds, 0 = until it is lifted. */
  readonly mutedUntil?: number;
}

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

const hashBytes = 32;

function malformed(code: ErrorName, message: string): { refusal: Refusal } {
  return { refusal: { code, message } };
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** One item with its ids parsed, or why it can never be stored. The entrances have checked all of this: here it keeps one
 *  broken item from holding up its batch. */
export function parseItem(item: WireItem): CommitItem | { refusal: Refusal } {
  if (!isId(item.messageId)) return malformed("INVALID_PARAMETER", "message_id is not an id");
  if (!isId(item.senderId)) return malformed("INVALID_PARAMETER", "sender_id is not an id");
  if (item.sendHash.length !== 0 && item.sendHash.length !== hashBytes) {
    return malformed("INVALID_PARAMETER", "send_hash is not 32 bytes");
  }
  if (item.replyToMessageId !== "" && !isId(item.replyToMessageId)) {
    return malformed("INVALID_MESSAGE_FORMAT", "the message replied to is not an id");
  }
  if (item.meta !== "" && !isJsonObject(item.meta)) return malformed("INVALID_PARAMETER", "meta is not a JSON object");
  return {
    messageId: BigInt(item.messageId),
    conversationId: item.conversationId,
    senderId: BigInt(item.senderId),
    type: item.type,
    content: item.content,
    clientMsgId: item.clientMsgId,
    sendHash: item.sendHash,
    extra: item.extra,
    meta: item.meta,
    replyToId: item.replyToMessageId === "" ? undefined : BigInt(item.replyToMessageId),
    mentions: item.mentions,
    createdAtMs: Number(item.createdAtMs),
  };
}

/** Throws PAYLOAD_TOO_LARGE past the bounds of one call: an error of the caller's program, not of a user. */
export function checkBounds(items: readonly WireItem[], itemsMax: number, bytesMax: number): void {
  if (items.length > itemsMax) {
    throw new AppError("PAYLOAD_TOO_LARGE", { message: `${items.length} items, at most ${itemsMax} fit` });
  }
  // A UTF-16 unit takes at most 3 bytes: most batches need no exact count.
  let bytes = 0;
  for (const { content, extra, meta } of items) bytes += (content.length + extra.length + meta.length) * 3;
  if (bytes > bytesMax) bytes = exactBytes(items);
  if (bytes > bytesMax) {
    throw new AppError("PAYLOAD_TOO_LARGE", { message: `${bytes} bytes, at most ${bytesMax} fit` });
  }
}

function exactBytes(items: readonly WireItem[]): number {
  let bytes = 0;
  for (const { content, extra, meta } of items) {
    bytes += Buffer.byteLength(content) + Buffer.byteLength(extra) + Buffer.byteLength(meta);
  }
  return bytes;
}
