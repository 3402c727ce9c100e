import { byteString, defineTable, flag, id, int, key, nullable, text, time, withDefault } from "./define.ts";

const created = { createdAt: time(), updatedAt: time() };

/** The tables beside the stream rows that changes write (spec 40 §3); migration 2. */
export const changeTables = {
  /** Compared as bytes: text collations take many emojis for the same. */
  messageReactions: defineTable(
    "message_reactions",
    { messageId: id(), userId: id(), emoji: byteString(32), conversationId: key(64), ...created },
    { primaryKey: ["messageId", "userId", "emoji"] },
  ),

  messagePins: defineTable(
    "message_pins",
    { id: id(), conversationId: key(64), messageId: id(), seqId: id(), pinnedBy: id(), ...created },
    { primaryKey: ["id"], unique: { uk_pins_conversation_message: ["conversationId", "messageId"] } },
  ),

  /** At most one row per conversation. */
  announcements: defineTable(
    "announcements",
    {
      id: id(),
      conversationId: key(64),
      authorId: id(),
      content: text(),
      pinned: withDefault(flag(), false),
      version: withDefault(id(), 1n),
      ...created,
    },
    { primaryKey: ["id"], unique: { uk_announcements_conversation: ["conversationId"] } },
  ),

  joinRequests: defineTable(
    "join_requests",
    {
      id: id(),
      conversationId: key(64),
      userId: id(),
      message: nullable(text()),
      /** 1 pending, 2 accepted, 3 rejected. One pending per pair, checked under the conversation's lock. */
      status: withDefault(int(), 1),
      handledBy: nullable(id()),
      ...created,
    },
    {
      primaryKey: ["id"],
      index: { idx_join_conv_status: ["conversationId", "status"], idx_join_user: ["userId", "createdAt"] },
    },
  ),
} as const;
