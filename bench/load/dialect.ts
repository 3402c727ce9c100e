/** Rows of one conversation as one or several frames showed them, ready to be counted for every socket that got the very
 *  same bytes. */
export interface RowBatch {
  readonly conversationId: string;
  readonly seqs: readonly number[];
  readonly ids: readonly string[];
  /** When each should have been sent, on the clock of `nowMs`; 0 when it is not the bench's. */
  readonly dueMs: readonly number[];
  /** Whether each seq is the one before plus 1. */
  readonly contiguous: boolean;
  /** WebSocket messages that carried them. */
  readonly frames: number;
}

export interface Ack {
  readonly clientMsgId: string;
  readonly messageId: string;
  readonly seqId: number;
  readonly success: boolean;
}

/** What a message from a server means to the bench. */
export type Heard =
  | {
      readonly kind: "rows";
      readonly batch: RowBatch;
      readonly missed?: SeqRange | undefined;
      readonly reply?: string | undefined;
    }
  | { readonly kind: "missed"; readonly range: SeqRange }
  | { readonly kind: "ack"; readonly ack: Ack }
  | { readonly kind: "connected" }
  /** The answer to `sync`, with the rows of each conversation. */
  | { readonly kind: "synced"; readonly batches: readonly RowBatch[] }
  | { readonly kind: "error"; readonly code: string }
  /** To be sent back at once. */
  | { readonly kind: "reply"; readonly payload: string | Uint8Array }
  | { readonly kind: "other" };

/** Both inclusive. */
export interface SeqRange {
  readonly conversationId: string;
  readonly fromSeq: number;
  readonly toSeq: number;
}

export interface OutMessage {
  readonly conversationId: string;
  readonly content: string;
  readonly clientMsgId: string;
}

/** How one kind of server is spoken to. */
export interface Dialect {
  readonly path: string;
  /** Offered and demanded; undefined for none. */
  readonly subprotocol: string | undefined;
  /** Whether a socket is ready with the upgrade, without a greeting. */
  readonly readyAtUpgrade: boolean;
  /** What a socket says first. */
  readonly hello?: readonly (string | Uint8Array)[];
  hear(payload: Buffer): Heard;
  /** Messages that are due at the same instant. */
  send(messages: readonly OutMessage[]): (string | Uint8Array)[];
  /** Where messages do not go over a socket: takes them in order; rejects when they were refused. */
  publish?(messages: readonly OutMessage[]): Promise<void>;
  sync(conversations: readonly { readonly id: string; readonly afterSeq: number }[]): string | Uint8Array;
}

export function rowBatch(
  conversationId: string,
  rows: readonly { readonly seq: number; readonly id: string; readonly content: string }[],
): RowBatch {
  return {
    conversationId,
    seqs: rows.map(({ seq }) => seq),
    ids: rows.map(({ id }) => id),
    dueMs: rows.map(({ content }) => dueOf(content)),
    contiguous: rows.every(({ seq }, index) => index === 0 || seq === (rows[index - 1]?.seq ?? 0) + 1),
    frames: 1,
  };
}

/** One batch of several that came in one piece; undefined when they are of different conversations. */
export function mergeBatches(batches: readonly RowBatch[]): RowBatch | undefined {
  const [first] = batches;
  if (first === undefined || batches.some(({ conversationId }) => conversationId !== first.conversationId)) return;
  if (batches.length === 1) return first;
  const seqs = batches.flatMap((batch) => batch.seqs);
  return {
    conversationId: first.conversationId,
    seqs,
    ids: batches.flatMap((batch) => batch.ids),
    dueMs: batches.flatMap((batch) => batch.dueMs),
    contiguous: seqs.every((seq, index) => index === 0 || seq === (seqs[index - 1] ?? 0) + 1),
    frames: batches.reduce((all, batch) => all + batch.frames, 0),
  };
}

/** A content of `size` bytes that says when it was due. */
export function benchContent(dueMs: number, size: number): string {
  return `due ${dueMs.toFixed(3)} `.padEnd(size, "x");
}

export function dueOf(content: string): number {
  return content.startsWith("due ") ? Number(content.slice(4, content.indexOf(" ", 4))) : 0;
}
