import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { bytesOf, type Page, type PageQuery, pageBytesMax } from "./message-page.ts";
import type { ShownRow } from "./message-row.ts";

/** The newest rows of a conversation, without holes, as they are shown to nobody in particular: which reactions are the
 *  viewer's own is not in them. */
export interface Window {
  /** Ascending. */
  readonly messages: readonly Message[];
  /** Of content and `extra`, row by row. */
  readonly bytes: readonly number[];
  readonly newest: bigint;
}

/** Of rows in ascending order. Undefined where rows are missing in between, which a stream that is whole never has. */
export function windowOf(rows: readonly ShownRow[], messages: readonly Message[]): Window | undefined {
  const first = rows[0]?.seqId;
  if (first === undefined || messages.length !== rows.length) return undefined;
  if (rows.some((row, at) => row.seqId !== first + BigInt(at))) return undefined;
  return { messages, bytes: rows.map(bytesOf), newest: first + BigInt(rows.length - 1) };
}

/** `window` and the rows that follow it; undefined where they do not follow. */
export function extended(window: Window, more: Window): Window | undefined {
  if (oldestOf(more) !== window.newest + 1n) return undefined;
  return {
    messages: [...window.messages, ...more.messages],
    bytes: [...window.bytes, ...more.bytes],
    newest: more.newest,
  };
}

/** The newest `rowsMax` rows of a window. */
export function newestOf(window: Window, rowsMax: number): Window {
  const { messages, bytes, newest } = window;
  const drop = messages.length - rowsMax;
  return drop <= 0 ? window : { messages: messages.slice(drop), bytes: bytes.slice(drop), newest };
}

/** What a row takes beside its texts, by estimate. */
const rowBytes = 1000;

/** What row `at` takes in memory, by estimate, with the text that others make of it. The row of an edit shows the text of the
 *  message that it changed, which no column of its own counts. */
function heldBytes({ bytes, messages }: Window, at: number): number {
  const change = messages[at]?.change;
  const edited = change?.case === "edit" ? change.value.content.length : 0;
  return 2 * ((bytes[at] ?? 0) + edited) + rowBytes;
}

/** What a window takes in memory, by estimate. */
export function windowBytes(window: Window): number {
  return window.messages.reduce((sum, _, at) => sum + heldBytes(window, at), 0);
}

/** The newest rows of a window that take no more than `bytesMax` in memory, at least one. */
export function trimmed(window: Window, bytesMax: number): Window {
  const { messages, bytes, newest } = window;
  let sum = 0;
  let first = bytes.length;
  while (first > 0) {
    sum += heldBytes(window, first - 1);
    if (sum > bytesMax && first < bytes.length) break;
    first -= 1;
  }
  return first === 0 ? window : { messages: messages.slice(first), bytes: bytes.slice(first), newest };
}

export function oldestOf({ messages, newest }: Window): bigint {
  return newest - BigInt(messages.length - 1);
}

/** The answer to an unfiltered query by a window that reaches the head; undefined where it does not reach down far enough. */
export function pageOf(query: PageQuery, window: Window): Page | undefined {
  const { messages, bytes, newest } = window;
  const { ascending, limit } = query;
  const oldest = oldestOf(window);
  const from = query.startSeq > 1n ? query.startSeq : 1n;
  const to = query.endSeq === 0n || query.endSeq > newest ? newest : query.endSeq;
  const asked = Number(to - from >= 0n ? to - from + 1n : 0n);
  const count = Math.min(asked, limit);
  const lowest = ascending ? from : to - BigInt(count) + 1n;
  if (count > 0 && lowest < oldest) return undefined;
  const at = Number(lowest - oldest);
  const fits = fitting(bytes.slice(at, at + count), ascending);
  const start = ascending ? at : at + count - fits;
  const rows = messages.slice(start, start + fits);
  const hasMore = fits < asked;
  const low = oldest + BigInt(start);
  const high = low + BigInt(fits) - 1n;
  return {
    messages: ascending ? rows : rows.reverse(),
    hasMore,
    nextSeq: hasMore ? (ascending ? high + 1n : low - 1n) : 0n,
    completeFrom: hasMore && !ascending ? low : from,
    completeTo: hasMore && ascending ? high : to,
    latestSeq: newest,
  };
}

/** How many rows, from the side where the page begins, keep to its bytes; at least one. */
function fitting(bytes: readonly number[], ascending: boolean): number {
  let sum = 0;
  let count = 0;
  for (const size of ascending ? bytes : bytes.toReversed()) {
    sum += size;
    if (count > 0 && sum > pageBytesMax) break;
    count += 1;
  }
  return count;
}
