import { findMany, insertMany, now, type Steps, together, updateMany } from "#infra/db/steps.ts";
import type { ErrorName } from "#proto/errors.ts";
import { repeatKey } from "./commit-facts.ts";
import type { CommitPlans } from "./commit-plans.ts";
import { type ConversationRow, peerOf } from "./commit-rights.ts";
import type { ImportItem } from "./import-item.ts";
import type { MessageRow } from "./store/message-row.ts";

/** What became of one message; valid only once the transaction has committed. */
export type Imported = "saved" | "duplicate" | { readonly failed: ErrorName };

const singleType = 1;

/** What the database said, read after the conversation was locked. */
interface Facts {
  readonly nowMs: number;
  readonly conversation: ConversationRow | undefined;
  readonly senders: ReadonlySet<bigint>;
  /** Rows under the ids of the batch and of what it replies to, in any conversation. */
  readonly byId: Map<bigint, MessageRow>;
  /** `repeatKey`s that are taken. */
  readonly taken: Set<string>;
}

function keyOf({ senderId, clientMsgId, conversationId }: ImportItem["row"]): string | undefined {
  return clientMsgId === null ? undefined : repeatKey(senderId, clientMsgId, conversationId);
}

/** The first statement locks the conversation, as in `commitRows`; the others leave with it where the driver can. */
function* readFacts(plans: CommitPlans, conversationId: string, items: readonly ImportItem[]): Steps<Facts> {
  const rows = items.map(({ row }) => row);
  const single = (ids: readonly (bigint | null)[]): [bigint][] =>
    [...new Set(ids)].flatMap((id): [bigint][] => (id === null ? [] : [[id]]));
  const identities = new Map(
    rows.flatMap((row): [string, readonly [string, bigint, string]][] => {
      const key = keyOf(row);
      return key === undefined ? [] : [[key, [conversationId, row.senderId, row.clientMsgId ?? ""]]];
    }),
  );
  const [conversations, nowMs, senders, stored, replies, known] = yield* together([
    findMany(plans.lock, [[conversationId]]),
    now(),
    findMany(plans.senders, single(rows.map((row) => row.senderId))),
    findMany(plans.byId, single(rows.map((row) => row.id))),
    findMany(plans.byId, single(rows.map((row) => row.replyToId))),
    findMany(plans.known, [...identities.values()]),
  ] as const);
  return {
    nowMs,
    conversation: conversations[0],
    senders: new Set(senders.map(({ id }) => id)),
    byId: new Map([...replies, ...stored].map((row) => [row.id, row])),
    taken: new Set(known.flatMap((row) => keyOf(row) ?? [])),
  };
}

/** Decides every message in its order and numbers the new rows. Nothing is written here. */
class Import {
  readonly rows: MessageRow[] = [];
  readonly #facts: Facts;
  #seq: bigint;
  #messageNo: bigint;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#seq = facts.conversation?.lastSeqId ?? 0n;
    this.#messageNo = facts.conversation?.lastMessageNo ?? 0n;
  }

  decide({ row, latestMs }: ImportItem): Imported {
    const { byId, taken } = this.#facts;
    const before = byId.get(row.id);
    // What is stored stays so, whatever has happened to the conversation since.
    if (before !== undefined) return isSame(before, row) ? "duplicate" : { failed: "IDEMPOTENCY_CONFLICT" };
    const failed = this.#refusalOf(row, latestMs);
    if (failed !== undefined) return { failed };
    this.#seq += 1n;
    this.#messageNo += 1n;
    const made: MessageRow = { ...row, messageNo: this.#messageNo };
    const key = keyOf(row);
    if (key !== undefined) taken.add(key);
    byId.set(made.id, made);
    this.rows.push(made);
    return "saved";
  }

  #refusalOf(row: ImportItem["row"], latestMs: number): ErrorName | undefined {
    const { conversation, senders, taken, nowMs } = this.#facts;
    if (conversation === undefined) return "CONVERSATION_NOT_FOUND";
    if (conversation.dissolvedAt !== null) return "CONVERSATION_DISSOLVED";
    // Held after an alarm, until an operator lifts it.
    if (conversation.parkedAt !== null) return "SERVICE_UNAVAILABLE";
    if (!senders.has(row.senderId)) return "USER_NOT_FOUND";
    // Of a group, who wrote may have left it long ago; nobody leaves a single chat.
    const isStranger = conversation.type === singleType && peerOf(conversation.id, row.senderId) === undefined;
    if (isStranger) return "NOT_CONVERSATION_MEMBER";
    if (taken.has(keyOf(row) ?? "")) return "IDEMPOTENCY_CONFLICT";
    if (latestMs > nowMs) return "INVALID_PARAMETER";
    if (!this.#mayReply(row)) return "INVALID_MESSAGE_FORMAT";
    // G2: no hole, and nothing in what is there.
    return row.seqId === this.#seq + 1n ? undefined : "VERSION_CONFLICT";
  }

  #mayReply({ replyToId, conversationId }: ImportItem["row"]): boolean {
    if (replyToId === null) return true;
    const target = this.#facts.byId.get(replyToId);
    return target?.conversationId === conversationId && target.kind === 1;
  }
}

function isSame(stored: MessageRow, row: ImportItem["row"]): boolean {
  return stored.conversationId === row.conversationId && stored.seqId === row.seqId && stored.senderId === row.senderId;
}

function* writeRows(plans: CommitPlans, { conversation, nowMs }: Facts, rows: readonly MessageRow[]): Steps<void> {
  const last = rows.at(-1);
  if (conversation === undefined || last === undefined) return;
  // Before its first message, a conversation's time is that of its making: later than all that is imported.
  const before = conversation.lastMessageNo === 0n ? 0 : conversation.lastMessageAt;
  const head = {
    id: conversation.id,
    lastMessageId: last.id,
    lastSeqId: last.seqId,
    lastMessageNo: last.messageNo,
    lastMessageAt: rows.reduce((latest, { createdAt }) => Math.max(latest, createdAt), before),
    updatedAt: nowMs,
  };
  const ascending = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  yield* together([insertMany(plans.messages, ascending), updateMany(plans.heads, [head])]);
}

/** The transaction of an import into one conversation: lock, what is known, rows, head. `items` are all of it, ascending
 *  by seq, at most 1000; one result each, in their order. Read pointers stay where they are. */
export function* importRows(plans: CommitPlans, items: readonly ImportItem[]): Steps<Imported[]> {
  const conversationId = items[0]?.row.conversationId;
  if (conversationId === undefined) return [];
  const facts = yield* readFacts(plans, conversationId, items);
  const state = new Import(facts);
  const results = items.map((item) => state.decide(item));
  yield* writeRows(plans, facts, state.rows);
  return results;
}
