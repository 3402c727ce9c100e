import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { ShownRow } from "./message-row.ts";

export interface PageQuery {
  readonly conversationId: string;
  /** Both inclusive; 0 = open. */
  readonly startSeq: bigint;
  readonly endSeq: bigint;
  /** Rows, 1 … `pageRowsMax`. */
  readonly limit: number;
  readonly ascending: boolean;
  /** Message types; empty = rows of every type, changes included. */
  readonly types: readonly number[];
  readonly excludeDeleted?: boolean;
  readonly excludeChanges?: boolean;
  /** Whose reactions are "mine". */
  readonly viewerId?: bigint | undefined;
  /** Only what the viewer may see as a member: undefined for others, `hiddenBefore` of the page says what is below. */
  readonly asMember?: boolean;
}

export function isFiltered({ types, excludeDeleted, excludeChanges }: PageQuery): boolean {
  return types.length > 0 || excludeDeleted === true || excludeChanges === true;
}

/** Whether both ask for the same rows of an unfiltered conversation, whoever asks. */
export function isSameRange(a: PageQuery, b: PageQuery): boolean {
  return a.startSeq === b.startSeq && a.endSeq === b.endSeq && a.limit === b.limit && a.ascending === b.ascending;
}

export interface Page {
  /** In the order asked for. */
  readonly messages: Message[];
  readonly hasMore: boolean;
  /** Where the next page begins in this direction; 0 = there is none. */
  readonly nextSeq: bigint;
  /** Every row of this range is in the page, both inclusive; `completeTo` < `completeFrom` = none (always when filtered). */
  readonly completeFrom: bigint;
  readonly completeTo: bigint;
  readonly latestSeq: bigint;
  /** With `asMember`: rows up to here are hidden from the viewer. */
  readonly hiddenBefore?: bigint;
}

/** Rows of one page, and the bytes of content and `extra` after which it ends early (with `hasMore`). */
export const pageRowsMax = 500;
export const pageBytesMax = 4 * 1024 * 1024;
export const seqMax = 2n ** 63n - 1n;

export function bytesOf(row: Pick<ShownRow, "content" | "extra">): number {
  return Buffer.byteLength(row.content) + (row.extra === null ? 0 : Buffer.byteLength(row.extra));
}
