import { DbError } from "#infra/db/errors.ts";
import { findMany, insertMany, now, type Steps } from "#infra/db/steps.ts";
import { singleId } from "#proto/conversation-ids.ts";
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
  /** The same as part of a larger transaction, which is run by `retriedWhenRaced`. */
  insertOrGetSteps(conversation: NewConversation): Steps<{ row: ConversationRow; created: boolean }>;
  /** From the primary, at most 1000, in the order of `ids`; unknown ids are left out. */
  byIds(ids: readonly string[]): Promise<ConversationRow[]>;
}

/** How often an insert that lost a race looks again: the winner's row is there the second time. */
const attemptsMax = 3;

/** Runs a transaction again when somebody made the same row between its look and its insert. */
export async function retriedWhenRaced<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (!(error instanceof DbError) || error.kind !== "unique" || attempt === attemptsMax) throw error;
    }
  }
}

/** The single conversation of two users, as it is made. */
export function singleOf(one: bigint, other: bigint): NewConversation {
  const members = [one, other].map((userId) => ({ userId, role: memberRole.member }));
  // Name and picture are the other side's: a single has none of its own.
  const none = { name: "", avatarUrl: "", description: "", ownerId: undefined, settings: "" };
  return { id: singleId(one, other), type: conversationType.single, ...none, members };
}

export function createConversationStore(context: Pick<RepoContext, "db" | "tables" | "ids">): ConversationStore {
  const { db, tables } = context;
  const { conversations: c } = tables;
  const byId = { table: c, columns: conversationColumns(tables), by: [c.id] };

  function* steps(conversation: NewConversation): Steps<{ row: ConversationRow; created: boolean }> {
    const { id, type, name, avatarUrl, description, ownerId, settings, members } = conversation;
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
  }

  return {
    insertOrGetSteps: steps,
    insertOrGet: (conversation) => retriedWhenRaced(() => db.transaction(() => steps(conversation))),

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
