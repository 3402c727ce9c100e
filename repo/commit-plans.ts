import type { Tables } from "#drizzle/schema.ts";
import { messageColumns, senderColumns } from "./store/message-row.ts";
import { type MessageTable, messageTableOf } from "./store/message-table.ts";

/** The statements of `CommitMessages` on one table of messages, prepared once. */
export function createCommitPlans(tables: Tables, messages: MessageTable) {
  const { conversations: c, conversationMembers: m, friendshipRequests: f, outbox, userReadPointers, users } = tables;
  return {
    messages,
    outbox,
    settled: { table: outbox, by: outbox.id },
    lock: {
      table: c,
      columns: {
        id: c.id,
        type: c.type,
        settings: c.settings,
        lastMessageId: c.lastMessageId,
        lastSeqId: c.lastSeqId,
        lastMessageNo: c.lastMessageNo,
        lastMessageAt: c.lastMessageAt,
        membersSeq: c.membersSeq,
        isRoom: c.isRoom,
        parkedAt: c.parkedAt,
        dissolvedAt: c.dissolvedAt,
      },
      by: [c.id],
      lock: true,
    },
    members: {
      table: m,
      columns: {
        conversationId: m.conversationId,
        userId: m.userId,
        role: m.role,
        muted: m.muted,
        mutedUntil: m.mutedUntil,
        hiddenBeforeSeq: m.hiddenBeforeSeq,
      },
      by: [m.userId, m.conversationId],
    },
    senders: { table: users, columns: senderColumns(tables), by: [users.id] },
    blocks: {
      table: f,
      columns: { requesterId: f.requesterId, targetId: f.targetId, status: f.status },
      by: [f.requesterId, f.targetId],
    },
    known: {
      table: messages,
      columns: messageColumns(messages),
      by: [messages.conversationId, messages.senderId, messages.clientMsgId],
    },
    byId: { table: messages, columns: messageColumns(messages), by: [messages.id] },
    heads: {
      table: c,
      key: "id",
      set: ["lastMessageId", "lastSeqId", "lastMessageNo", "lastMessageAt", "updatedAt"],
    },
    pointers: {
      table: userReadPointers,
      key: ["userId", "conversationId"],
      greatest: ["lastReadSeqId", "lastReadMessageNo", "updatedAt"],
      replace: [],
    },
  } as const;
}

export type CommitPlans = ReturnType<typeof createCommitPlans>;

/** The plans of the table that a conversation's rows are in, made once per table. */
export function createPlansOf(tables: Tables): (conversationId: string) => CommitPlans {
  const plans = new Map<MessageTable, CommitPlans>();
  return (conversationId) => {
    const table = messageTableOf(tables, conversationId);
    const known = plans.get(table) ?? createCommitPlans(tables, table);
    plans.set(table, known);
    return known;
  };
}
