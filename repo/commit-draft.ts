import { repeatKey } from "./commit-facts.ts";
import type { CommitItem, Refusal } from "./commit-item.ts";
import { type ConversationRow, type Facts, memberKey, refusalOf, type SenderRow } from "./commit-rights.ts";
import { metaWith } from "./store/message-meta.ts";
import type { MessageRow } from "./store/message-row.ts";

/** What became of one item. `reply` is the row that it answers. */
export type ItemResult =
  | { at: "stored" | "duplicate"; row: MessageRow; sender: SenderRow; reply: MessageRow | undefined }
  | { at: "rejected"; refusal: Refusal }
  | { at: "parked" }
  | { at: "retry" };

/** Where a conversation stands while its rows are being made. */
export interface Head {
  readonly row: ConversationRow;
  readonly fromSeq: bigint;
  seq: bigint;
  messageNo: bigint;
  lastAt: number;
  lastId: bigint;
}

export interface Pointer {
  readonly userId: bigint;
  readonly conversationId: string;
  seq: bigint;
  messageNo: bigint;
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
export class Draft {
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

  /** A reply shows the beginning of what it answers: only what the sender may read himself. */
  #replyRefusal(item: CommitItem): Refusal | undefined {
    if (item.replyToId === undefined) return undefined;
    const row = this.#replies.get(item.replyToId);
    const member = this.#facts.members.get(memberKey(item.conversationId, item.senderId));
    const isSeen = row !== undefined && row.kind === 1 && row.seqId > (member?.hiddenBeforeSeq ?? 0n);
    if (isSeen && row.conversationId === item.conversationId) return undefined;
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
