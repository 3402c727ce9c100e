import type { MessageJson as Message, UserJson as User } from "#proto/objects.ts";
import type { Pending, Stored } from "./outbox.ts";

/** The frame that sends a message. */
export function sendFrame(message: Pending): object {
  const { conversationId, content, messageType, clientMsgId, replyTo, mentions } = message;
  const reply = replyTo === undefined ? {} : { replyToMessageId: replyTo.messageId };
  return {
    type: "send-message",
    id: clientMsgId,
    data: {
      ...{ conversationId, content, messageType, client_msg_id: clientMsgId, ...reply },
      ...(mentions === undefined ? {} : { mentions }),
    },
  };
}

/** The row of a message that this client sent: a listed conversation does not push it to the session that sent it. */
export function rowOfStored(message: Pending, stored: Stored, sender: User | undefined): Message | undefined {
  if (stored.seqId === undefined || sender === undefined) return undefined;
  return {
    id: stored.messageId,
    conversationId: message.conversationId,
    senderId: sender.id,
    sender: { id: sender.id, username: sender.username, isGuest: sender.isGuest },
    messageType: message.messageType,
    content: message.content,
    seqId: stored.seqId,
    clientMsgId: message.clientMsgId,
    deleted: false,
    kind: "message",
    createdAt: stored.createdAt ?? Math.floor(message.createdAtMs / 1_000),
    ...(message.replyTo === undefined ? {} : { replyTo: message.replyTo }),
    ...(message.mentions === undefined ? {} : { mentions: [...message.mentions] }),
  };
}
