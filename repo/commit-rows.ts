import type { Tx } from "#infra/db/db.ts";
import { findMany, insertMany, now, type Steps, updateMany, upsertMany } from "#infra/db/steps.ts";
import type { Ids } from "#infra/uid/uid.ts";
import type { CommitItem, Refusal } from "./commit-item.ts";
import type { CommitPlans } from "./commit-plans.ts";
import { type ConversationRow, type Facts, memberKey, peerOf, refusalOf, type SenderRow } from "./commit-rights.ts";
import { type MessageRow, metaWith } from "./store/message-row.ts";
import { packRanges, type StreamRange } from "./store/outbox-ranges.ts";

/** What became of one item. `reply` is the row that it answers. */
export type ItemResult =
  | { at: "stored" | "duplicate"; row: MessageRow; sender: SenderRow; reply: MessageRow | undefined }
  | { at: "rejected"; refusal: Refusal }
  | { at: "parked" }
  | { at: "retry" };

/** What one transaction did; valid only once it has committed. */
export interface CommittedRows {
  readonly results: readonly ItemResult[];
  /** Every conversation of a stored or known row, as it was under the lock. */
  readonly conversations: ReadonlyMap<string, ConversationRow>;
  readonly outboxId: bigint | undefined;
}

export interface CommitRowsDeps {
  readonly plans: CommitPlans;
  readonly ids: Ids;
}

const blockedStatus = 3;

/** Where a conversation stands while its rows are being made. */
interface Head {
  readonly row: ConversationRow;
  readonly fromSeq: bigint;
  seq: bigint;
  messageNo: bigint;
  lastAt: number;
  lastId: bigint;
}

interface Pointer {
  readonly userId: bigint;
  readonly conversationId: string;
  seq: bigint;
  messageNo: bigint;
}

/** The identity under which a send may be repeated. Numbers come first, so that no text can be taken for another field. */
function repeatKey(senderId: bigint, clientMsgId: string, conversationId: string): string {
  return `${senderId} ${clientMsgId.length} ${clientMsgId} ${conversationId}`;
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The members, accounts and blocks that the batch's rules ask for; the conversations are locked already. */
function* readFacts(
  plans: CommitPlans,
  items: readonly CommitItem[],
  conversations: ReadonlyMap<string, ConversationRow>,
): Steps<Facts> {
  const pairs = new Map<string, [bigint, string]>();
  const blocks = new Map<string, { key: string; pair: [bigint, bigint] }>();
  for (const { senderId, conversationId } of items) {
    const key = memberKey(conversationId, senderId);
    if (pairs.has(key) || !conversations.has(conversationId)) continue;
    pairs.set(key, [senderId, conversationId]);
    const peer = peerOf(conversationId, senderId);
    if (peer !== undefined) blocks.set(`${peer} ${senderId}`, { key, pair: [peer, senderId] });
  }
  const senderIds = [...new Set(items.map((item) => item.senderId))];
  const nowMs = yield* now();
  const members = yield* findMany(plans.members, [...pairs.values()]);
  const senders = yield* findMany(
    plans.senders,
    senderIds.map((id) => [id]),
  );
  const blockRows = yield* findMany(
    plans.blocks,
    [...blocks.values()].map((block) => block.pair),
  );
  const blocked = new Set<string>();
  for (const row of blockRows) {
    const block = blocks.get(`${row.requesterId} ${row.targetId}`);
    if (block !== undefined && row.status === blockedStatus) blocked.add(block.key);
  }
  return {
    nowMs,
    conversations,
    members: new Map(members.map((row) => [memberKey(row.conversationId, row.userId), row])),
    senders: new Map(senders.map((row) => [row.id, row])),
    blocked,
  };
}

/** Rows stored before under the identities of the batch, and the rows that the batch replies to. */
function* readKnown(
  plans: CommitPlans,
  items: readonly CommitItem[],
  conversations: ReadonlyMap<string, ConversationRow>,
): Steps<{ known: Map<string, MessageRow>; replies: Map<bigint, MessageRow> }> {
  const keys = new Map<string, [string, bigint, string]>();
  const replyIds = new Set<bigint>();
  for (const { senderId, clientMsgId, conversationId, replyToId } of items) {
    if (!conversations.has(conversationId)) continue;
    if (replyToId !== undefined) replyIds.add(replyToId);
    if (clientMsgId === "") continue;
    keys.set(repeatKey(senderId, clientMsgId, conversationId), [conversationId, senderId, clientMsgId]);
  }
  const rows = yield* findMany(plans.known, [...keys.values()]);
  const known = new Map(rows.map((row) => [repeatKey(row.senderId, row.clientMsgId ?? "", row.conversationId), row]));
  for (const row of rows) if (row.replyToId !== null) replyIds.add(row.replyToId);
  const replies = yield* findMany(
    plans.byId,
    [...replyIds].map((id) => [id]),
  );
  return { known, replies: new Map(replies.map((row) => [row.id, row])) };
}

function isSameSend(row: MessageRow, item: CommitItem): boolean {
  if (row.sendHash === null || item.sendHash.length === 0) return true;
  return Buffer.compare(row.sendHash, item.sendHash) === 0;
}

function newRow(item: CommitItem, head: Head, nowMs: number): MessageRow {
  head.seq += 1n;
  head.messageNo += 1n;
  const createdAt = item.createdAtMs > 0 ? Math.min(item.createdAtMs, nowMs) : nowMs;
  head.lastAt = Math.max(head.lastAt, createdAt);
  head.lastId = item.messageId;
  return {
    id: item.messageId,
    conversationId: item.conversationId,
    senderId: item.senderId,
    messageType: item.type,
    content: item.content,
    seqId: head.seq,
    clientMsgId: item.clientMsgId === "" ? null : item.clientMsgId,
    sendHash: item.sendHash.length === 0 ? null : item.sendHash,
    kind: 1,
    changeType: null,
    targetMessageId: null,
    messageNo: head.messageNo,
    deleted: false,
    extra: item.extra === "" ? null : item.extra,
    meta: metaWith(item.meta, item.mentions),
    replyToId: item.replyToId ?? null,
    recalledBy: null,
    recalledAt: null,
    createdAt,
    updatedAt: nowMs,
  };
}

/** Decides every item in its order and numbers the new rows. Nothing is written here. */
class Draft {
  readonly rows: MessageRow[] = [];
  readonly heads = new Map<string, Head>();
  readonly pointers = new Map<string, Pointer>();
  readonly #facts: Facts;
  readonly #known: Map<string, MessageRow>;
  readonly #replies: Map<bigint, MessageRow>;

  constructor(facts: Facts, known: Map<string, MessageRow>, replies: Map<bigint, MessageRow>) {
    this.#facts = facts;
    this.#known = known;
    this.#replies = replies;
  }

  decide(item: CommitItem): ItemResult {
    const { conversations, senders } = this.#facts;
    const conversation = conversations.get(item.conversationId);
    if (conversation !== undefined && conversation.parkedAt !== null) return { at: "parked" };
    const sender = senders.get(item.senderId);
    const key = repeatKey(item.senderId, item.clientMsgId, item.conversationId);
    const before = item.clientMsgId === "" ? undefined : this.#known.get(key);
    // What is stored stays acknowledged, whatever has happened to the sender's rights since.
    if (before !== undefined && sender !== undefined) return this.#repeated(item, before, sender);
    const refusal = refusalOf(item, this.#facts) ?? this.#replyRefusal(item);
    if (refusal !== undefined) return { at: "rejected", refusal };
    if (sender === undefined || conversation === undefined) throw new Error("a refusal was expected");
    const row = newRow(item, this.#headOf(conversation), this.#facts.nowMs);
    this.rows.push(row);
    if (item.clientMsgId !== "") this.#known.set(key, row);
    this.#point(row);
    return { at: "stored", row, sender, reply: this.#replyOf(row) };
  }

  #repeated(item: CommitItem, row: MessageRow, sender: SenderRow): ItemResult {
    if (isSameSend(row, item)) return { at: "duplicate", row, sender, reply: this.#replyOf(row) };
    const message = "another message was sent under this client_msg_id";
    return { at: "rejected", refusal: { code: "IDEMPOTENCY_CONFLICT", message } };
  }

  #replyOf(row: MessageRow): MessageRow | undefined {
    return row.replyToId === null ? undefined : this.#replies.get(row.replyToId);
  }

  #replyRefusal(item: CommitItem): Refusal | undefined {
    if (item.replyToId === undefined) return undefined;
    if (this.#replies.get(item.replyToId)?.conversationId === item.conversationId) return undefined;
    return { code: "INVALID_MESSAGE_FORMAT", message: "the message replied to is not in this conversation" };
  }

  #headOf(row: ConversationRow): Head {
    const known = this.heads.get(row.id);
    if (known !== undefined) return known;
    const head = {
      row,
      fromSeq: row.lastSeqId + 1n,
      seq: row.lastSeqId,
      messageNo: row.lastMessageNo,
      lastAt: row.lastMessageAt,
      lastId: row.lastMessageId ?? 0n,
    };
    this.heads.set(row.id, head);
    return head;
  }

  /** Who writes has read what came before. */
  #point(row: MessageRow): void {
    const key = memberKey(row.conversationId, row.senderId);
    const { senderId: userId, conversationId, seqId: seq, messageNo } = row;
    this.pointers.set(key, { userId, conversationId, seq, messageNo });
  }
}

/** One multi-row statement each, in key order: rows, conversations, read pointers; then the outbox row. */
function* writeRows(deps: CommitRowsDeps, draft: Draft, nowMs: number): Steps<bigint> {
  const { plans, ids } = deps;
  const heads = [...draft.heads.values()].sort((a, b) => compare(a.row.id, b.row.id));
  const pointers = [...draft.pointers.values()].sort(
    (a, b) => compare(a.userId, b.userId) || compare(a.conversationId, b.conversationId),
  );
  yield* insertMany(
    plans.messages,
    draft.rows.toSorted((a, b) => compare(a.id, b.id)),
  );
  yield* updateMany(
    plans.heads,
    heads.map((head) => ({
      id: head.row.id,
      lastMessageId: head.lastId,
      lastSeqId: head.seq,
      lastMessageNo: head.messageNo,
      lastMessageAt: head.lastAt,
      updatedAt: nowMs,
    })),
  );
  yield* upsertMany(
    plans.pointers,
    pointers.map((pointer) => ({
      id: ids.snowflake(),
      userId: pointer.userId,
      conversationId: pointer.conversationId,
      lastReadSeqId: pointer.seq,
      lastReadMessageNo: pointer.messageNo,
      createdAt: nowMs,
      updatedAt: nowMs,
    })),
  );
  const ranges: StreamRange[] = heads.map((head) => ({
    conversationId: head.row.id,
    fromSeq: head.fromSeq,
    toSeq: head.seq,
  }));
  const outboxId = ids.snowflake();
  yield* insertMany(plans.outbox, [{ id: outboxId, ranges: packRanges(ranges), createdAt: nowMs }]);
  return outboxId;
}

/** The transaction of `CommitMessages` (spec 40 §7): lock, rights, known identities, rows, outbox. The first statement
 *  locks the conversations by primary key ascending, and everything else is read after it. */
export function* commitRows(deps: CommitRowsDeps, _tx: Tx, items: readonly CommitItem[]): Steps<CommittedRows> {
  const wanted = [...new Set(items.map((item) => item.conversationId))].sort(compare);
  const locked = yield* findMany(
    deps.plans.lock,
    wanted.map((id) => [id]),
  );
  const conversations = new Map(locked.map((row) => [row.id, row]));
  const facts = yield* readFacts(deps.plans, items, conversations);
  const { known, replies } = yield* readKnown(deps.plans, items, conversations);
  const draft = new Draft(facts, known, replies);
  const results = items.map((item) => draft.decide(item));
  const outboxId = draft.rows.length > 0 ? yield* writeRows(deps, draft, facts.nowMs) : undefined;
  return { results, conversations, outboxId };
}
