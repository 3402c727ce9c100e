import type { Tables } from "#drizzle/schema.ts";

export type MessageTable = Tables["messages"];

/** The table of a conversation's rows: the one place that knows. Today one table holds them all; shards by conversation
 *  and the world's monthly tables (spec 40 §6) are chosen here when they come. */
export function messageTableOf(tables: Tables, _conversationId: string): MessageTable {
  return tables.messages;
}

/** Every table that may hold a row, for lookups by message id alone. */
export function messageTables(tables: Tables): readonly MessageTable[] {
  return [tables.messages];
}
