import { MessageKind } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";

// One hasher for the process: `digest` leaves it empty again, and everything here is synchronous.
const hasher = new Bun.CryptoHasher("sha256");

/** SHA-256 (32 bytes) of what the client sent under its `client_msg_id`: kind, type, content, extra, reply, mentions, in
 *  this order, before any filter, so that neither filter, edit nor recall makes a repeat look different (spec 40 §2).
 *  Stored for ever: the layout must never change. */
export function sendHash(send: UpstreamMessage): Uint8Array {
  // A forward is the same when it forwards the same, whatever has become of that text since.
  if (send.forwardedFrom !== undefined) return hasher.update(`forward ${send.forwardedFrom.messageId}`).digest();
  // Lengths stand before the free texts, so no two sends share a layout.
  const head = `${MessageKind.MESSAGE} ${send.messageType} ${send.content.length} ${send.extra.length}\n`;
  hasher.update(`${head}${send.content}\n${send.extra}\n${send.replyToMessageId} ${send.mentions.join(",")}`);
  return hasher.digest();
}
