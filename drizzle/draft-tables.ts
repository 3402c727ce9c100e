import { defineTable, id, key, nullable, text, time } from "./define.ts";

/** Migration 5. */
export const draftTables = {
  /** At most one row per user and conversation; empty content remembers a removal. */
  drafts: defineTable(
    "drafts",
    {
      userId: id(),
      conversationId: key(64),
      content: text(),
      replyToId: nullable(id()),
      createdAt: time(),
      updatedAt: time(),
    },
    { primaryKey: ["userId", "conversationId"] },
  ),
} as const;
