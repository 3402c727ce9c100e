import { and, desc, eq } from "drizzle-orm";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { RepoContext } from "../context.ts";
import { createRowCompleter, keysOf } from "./complete-rows.ts";
import { createHistoryPages } from "./history-pages.ts";
import type { Page, PageQuery } from "./message-page.ts";
import { type MessageRow, messageColumns } from "./message-row.ts";
import { messageTableOf } from "./message-table.ts";

export interface CurrentSeq {
  readonly lastSeqId: bigint;
  readonly lastMessageNo: bigint;
}

/** Reads the stream rows, always from the primary: what was pushed can be read at once. */
export interface MessageStore {
  /** Undefined when there is no such conversation. */
  page(query: PageQuery): Promise<Page | undefined>;
  /** Tombstones included; unknown ids are left out; in the order of `ids`. At most 1000. */
  byIds(ids: readonly bigint[], viewerId?: bigint): Promise<Message[]>;
  /** The stored row as it is, to find its conversation: never to permit anything. */
  find(id: bigint): Promise<MessageRow | undefined>;
  /** The newest `limit` rows of kind message of each conversation, newest first, conversation by conversation. */
  latest(conversationIds: readonly string[], limit: number): Promise<Message[]>;
  currentSeq(conversationIds: readonly string[]): Promise<Map<string, CurrentSeq>>;
}

const kindMessage = 1;

export function createMessageStore(context: Pick<RepoContext, "db" | "tables" | "clock" | "writes">): MessageStore {
  const { db, tables } = context;
  const { conversations: c } = tables;
  const headPlan = {
    table: c,
    columns: {
      id: c.id,
      lastSeqId: c.lastSeqId,
      lastMessageNo: c.lastMessageNo,
      lastMessageId: c.lastMessageId,
    },
    by: [c.id],
  };
  const { rowsById, complete, withMine } = createRowCompleter(context);

  return {
    page: createHistoryPages(context),

    async find(id) {
      const [row] = await rowsById([id]);
      return row;
    },

    async byIds(ids, viewerId) {
      const rows = await rowsById(new Set(ids));
      const shown = await withMine(await complete(rows), viewerId);
      const messages = new Map(shown.map((message) => [message.id, message]));
      return ids.map((id) => messages.get(id.toString())).filter((message) => message !== undefined);
    },

    async latest(conversationIds, limit) {
      const heads = await db.find(headPlan, keysOf(new Set(conversationIds)));
      if (limit === 1) {
        const lastIds = heads.map((head) => head.lastMessageId).filter((id) => id !== null);
        return await complete(await rowsById(lastIds));
      }
      const pages = await Promise.all(
        heads.map(async (head) => {
          const m = messageTableOf(tables, head.id);
          return await db.q
            .select(messageColumns(m))
            .from(m)
            .where(and(eq(m.conversationId, head.id), eq(m.kind, kindMessage)))
            .orderBy(desc(m.seqId))
            .limit(limit);
        }),
      );
      return await complete(pages.flat());
    },

    async currentSeq(conversationIds) {
      const heads = await db.find(headPlan, keysOf(new Set(conversationIds)));
      return new Map(heads.map(({ id, lastSeqId, lastMessageNo }) => [id, { lastSeqId, lastMessageNo }]));
    },
  };
}
