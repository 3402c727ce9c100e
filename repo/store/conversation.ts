import { DbError } from "#infra/db/errors.ts";
import { findMany, insertMany, now } from "#infra/db/steps.ts";
import type { RepoContext } from "../context.ts";
import { type ConversationRow, conversationColumns } from "./conversation-row.ts";
import { insertMembers, type NewMember } from "./membership.ts";

export const conversationType = { single: 1, group: 2, world: 3 } as const;
export const memberRole = { member: 1, admin: 2, owner: 3 } as const;

export interface NewConversation {
  readonly id: string;
  /** `conversationType` */
  readonly type: number;
  readonly name: string;
  readonly avatarUrl: string;
  readonly description: string;
  readonly ownerId: bigint | undefined;
  /** JSON object or empty. */
  readonly settings: string;
  /** Each user once. */
  readonly members: readonly NewMember[];
}

export interface ConversationStore {
  /** Conversation, members and read pointers in one transaction, no stream row; an existing id is answered as it is. */
  insertOrGet(conversation: NewConversation): Promise<{ row: ConversationRow; created: boolean }>;
  /** From the primary, at most 1000, in the order of `ids`; unknown ids are left out. */
  byIds(ids: readonly string[]): Promise<ConversationRow[]>;
}

/** How often an insert that lost a race looks again: the winner's row is there the second time. */
const attemptsMax = 3;

export function createConversationStore(context: Pick<RepoContext, "db" | "tables" | "ids">): ConversationStore {
  const { db, tables } = context;
  const { conversations: c } = tables;
  const byId = { table: c, columns: conversationColumns(tables), by: [c.id] };

  function insert(conversation: NewConversation): Promise<{ row: ConversationRow; created: boolean }> {
    const { id, type, name, avatarUrl, description, ownerId, settings, members } = conversation;
    return db.transaction(function* () {
      const [known] = yield* findMany(byId, [[id]]);
      if (known !== undefined) return { row: known, created: false };
      const at = yield* now();
      const memberCount = members.length;
      const texts = { name: name || null, avatarUrl: avatarUrl || null, description: description || null };
      const owner = { ownerId: ownerId ?? null, settings: settings || null };
      const times = { lastMessageAt: at, createdAt: at, updatedAt: at };
      yield* insertMany(c, [{ id, type, ...texts, ...owner, memberCount, ...times }]);
      yield* insertMembers(context, id, members, { lastSeqId: 0n, lastMessageNo: 0n }, { nowMs: at });
      const [row] = yield* findMany(byId, [[id]]);
      if (row === undefined) throw new Error("a conversation vanished in its own transaction");
      return { row, created: true };
    });
  }

  return {
    async insertOrGet(conversation) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await insert(conversation);
        } catch (error) {
          // Somebody made it between the look and the insert.
          if (!(error instanceof DbError) || error.kind !== "unique" || attempt === attemptsMax) throw error;
        }
      }
    },

    async byIds(ids) {
      const rows = await db.find(
        byId,
        [...new Set(ids)].map((id) => [id]),
      );
      const found = new Map(rows.map((row) => [row.id, row]));
      return ids.map((id) => found.get(id)).filter((row) => row !== undefined);
    },
  };
}
