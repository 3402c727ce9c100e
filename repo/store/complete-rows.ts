import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { RepoContext } from "../context.ts";
import {
  type MessageRow,
  messageColumns,
  type SenderRow,
  senderColumns,
  toMessage,
  toReply,
  toUserInfo,
} from "./message-row.ts";
import { messageTables } from "./message-table.ts";

/** From stored rows to messages. */
export interface RowCompleter {
  rowsById(ids: Iterable<bigint>): Promise<MessageRow[]>;
  /** Adds senders, and the rows that are replied to or were edited, each with one lookup for all. `known` saves that of the
   *  senders. For nobody in particular. */
  complete(rows: readonly MessageRow[], known?: ReadonlyMap<bigint, SenderRow>): Promise<Message[]>;
  /** Marks the viewer's own reactions, in copies; asked only where there are reactions. */
  withMine(messages: Message[], viewerId: bigint | undefined): Promise<Message[]>;
}

export function createRowCompleter(context: Pick<RepoContext, "db" | "tables">): RowCompleter {
  const { db, tables } = context;
  const { messageReactions: r, users } = tables;
  const senderPlan = { table: users, columns: senderColumns(tables), by: [users.id] };
  const idPlans = messageTables(tables).map((m) => ({ table: m, columns: messageColumns(m), by: [m.id] }));
  const minePlan = { table: r, columns: { messageId: r.messageId, emoji: r.emoji }, by: [r.messageId, r.userId] };

  async function rowsById(ids: Iterable<bigint>): Promise<MessageRow[]> {
    const keys = keysOf(ids);
    return (await Promise.all(idPlans.map((plan) => db.find(plan, keys)))).flat();
  }

  return {
    rowsById,

    async complete(rows, known) {
      if (rows.length === 0) return [];
      const senderIds = new Set<bigint>();
      const otherIds = new Set<bigint>();
      for (const row of rows) {
        senderIds.add(row.senderId);
        if (row.replyToId !== null) otherIds.add(row.replyToId);
        if (row.changeType === "edit" && row.targetMessageId !== null) otherIds.add(row.targetMessageId);
      }
      const [senders, others] = await Promise.all([
        known === undefined ? db.find(senderPlan, keysOf(senderIds)) : [...known.values()],
        otherIds.size === 0 ? [] : rowsById(otherIds),
      ]);
      const infos = new Map(senders.map((sender: SenderRow) => [sender.id, toUserInfo(sender)]));
      const found = new Map(others.map((other) => [other.id, other]));
      return rows.map((row) => {
        const reply = row.replyToId === null ? undefined : found.get(row.replyToId);
        return toMessage(row, infos.get(row.senderId), {
          replyTo: reply === undefined ? undefined : toReply(reply),
          target: row.targetMessageId === null ? undefined : found.get(row.targetMessageId),
        });
      });
    },

    async withMine(messages, viewerId) {
      const reacted = messages.filter(({ reactions }) => reactions.length > 0);
      if (viewerId === undefined || reacted.length === 0) return messages;
      const keys = [...new Set(reacted.map(({ id }) => id))].map((id) => [BigInt(id), viewerId]);
      const mine = new Map<string, Set<string>>();
      for (const { messageId, emoji } of await db.find(minePlan, keys)) {
        const id = messageId.toString();
        mine.set(id, (mine.get(id) ?? new Set()).add(emoji));
      }
      return messages.map((message) => {
        const emojis = mine.get(message.id);
        if (emojis === undefined) return message;
        const reactions = message.reactions.map((one) => ({ ...one, mine: emojis.has(one.emoji) }));
        return { ...message, reactions };
      });
    },
  };
}

export function keysOf<T>(values: Iterable<T>): [T][] {
  return Array.from(values, (value) => [value]);
}
