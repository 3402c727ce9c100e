import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { RepoContext } from "../context.ts";
import {
  type MessageRow,
  messageColumns,
  type QuotedRow,
  type SenderRow,
  type ShownRow,
  senderColumns,
  toMessage,
  toReply,
  toUserInfo,
} from "./message-row.ts";
import { messageTables } from "./message-table.ts";

/** What rows show beside themselves, by id. */
export interface KnownRows<Quoted extends QuotedRow = QuotedRow> {
  readonly senders: ReadonlyMap<bigint, SenderRow>;
  /** The rows that are replied to or were edited. */
  readonly others: ReadonlyMap<bigint, Quoted>;
}

/** From stored rows to messages, where what they show was not read with them. */
export interface RowCompleter {
  rowsById(ids: Iterable<bigint>): Promise<MessageRow[]>;
  /** Adds senders, and the rows that are replied to or were edited, each with one lookup for all. For nobody in particular. */
  complete(rows: readonly MessageRow[]): Promise<Message[]>;
  /** Marks the viewer's own reactions, in copies; asked only where there are reactions. */
  withMine(messages: readonly Message[], viewerId: bigint | undefined): Promise<Message[]>;
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

    async complete(rows) {
      if (rows.length === 0) return [];
      const senderIds = new Set<bigint>();
      const otherIds = new Set<bigint>();
      for (const row of rows) {
        senderIds.add(row.senderId);
        if (row.replyToId !== null) otherIds.add(row.replyToId);
        if (row.changeType === "edit" && row.targetMessageId !== null) otherIds.add(row.targetMessageId);
      }
      const [senders, others] = await Promise.all([
        db.find(senderPlan, keysOf(senderIds)),
        otherIds.size === 0 ? [] : rowsById(otherIds),
      ]);
      const byId = <R extends { readonly id: bigint }>(found: readonly R[]) =>
        new Map(found.map((one) => [one.id, one]));
      return completed(rows, { senders: byId(senders), others: byId(others) });
    },

    async withMine(messages, viewerId) {
      const reacted = messages.filter(hasReactions);
      if (viewerId === undefined || reacted.length === 0) return [...messages];
      const keys = [...new Set(reacted.map(({ id }) => id))].map((id) => [BigInt(id), viewerId]);
      const mine = new Map<string, Set<string>>();
      for (const { messageId, emoji } of await db.find(minePlan, keys)) {
        const id = messageId.toString();
        mine.set(id, (mine.get(id) ?? new Set()).add(emoji));
      }
      return marked(messages, mine);
    },
  };
}

/** For nobody in particular. */
export function completed(rows: readonly ShownRow[], { senders, others }: KnownRows): Message[] {
  const infos = new Map([...senders].map(([id, sender]) => [id, toUserInfo(sender)]));
  return rows.map((row) => {
    const reply = row.replyToId === null ? undefined : others.get(row.replyToId);
    return toMessage(row, infos.get(row.senderId), {
      replyTo: reply === undefined ? undefined : toReply(reply),
      target: row.targetMessageId === null ? undefined : others.get(row.targetMessageId),
    });
  });
}

export function hasReactions({ reactions }: Message): boolean {
  return reactions.length > 0;
}

/** Marks somebody's own reactions (emojis by message), in copies of the messages that have some. */
export function marked(messages: readonly Message[], mine: ReadonlyMap<string, ReadonlySet<string>>): Message[] {
  return messages.map((message) => {
    const emojis = hasReactions(message) ? mine.get(message.id) : undefined;
    if (emojis === undefined || emojis.size === 0) return message;
    const reactions = message.reactions.map((one) => ({ ...one, mine: emojis.has(one.emoji) }));
    return { ...message, reactions };
  });
}

export function keysOf<T>(values: Iterable<T>): [T][] {
  return Array.from(values, (value) => [value]);
}
