import type { Tables } from "#drizzle/schema.ts";
import type { Found } from "#infra/db/steps.ts";
import { conversationColumns, memberColumns } from "./store/conversation-row.ts";
import { messageColumns, senderColumns } from "./store/message-row.ts";
import type { MessageTable } from "./store/message-table.ts";

/** The statements that every change has, on one table of messages, prepared once. */
export function createChangePlans(tables: Tables, messages: MessageTable) {
  const { conversations: c, conversationMembers: m, friendshipRequests: f, outbox, users } = tables;
  return {
    messages,
    outbox,
    lock: {
      table: c,
      columns: { ...conversationColumns(tables), parkedAt: c.parkedAt },
      by: [c.id],
      lock: true,
    },
    members: { table: m, columns: memberColumns(tables), by: [m.userId, m.conversationId] },
    users: { table: users, columns: senderColumns(tables), by: [users.id] },
    blocks: { table: f, columns: { status: f.status }, by: [f.requesterId, f.targetId] },
    known: {
      table: messages,
      columns: messageColumns(messages),
      by: [messages.conversationId, messages.senderId, messages.clientMsgId],
    },
    byId: { table: messages, columns: messageColumns(messages), by: [messages.id] },
  } as const;
}

export type ChangePlans = ReturnType<typeof createChangePlans>;
/** The conversation's row under its lock. */
export type LockedConversation = Found<ChangePlans["lock"]["columns"]>;
