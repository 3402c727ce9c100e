import { lowerBound } from "#client/timeline.ts";
import type { MessageJson } from "#proto/objects.ts";

/** Which loaded rows have elements. `following` = the newest ones, whatever arrives; else from `from` to `to` (seqs). */
export type View =
  | { readonly at: "following" }
  | { readonly at: "reading"; readonly from: number; readonly to: number };

/** Half-open, indices into the rows. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

export const followRows = 100;
export const stepRows = 60;
/** Elements for at most this many rows: older ones are let go while reading on. */
export const windowRowsMax = 240;

export function sliceOf(view: View, rows: readonly MessageJson[]): Slice {
  if (view.at === "following") return { start: Math.max(0, rows.length - followRows), end: rows.length };
  const start = lowerBound(rows, view.from);
  return { start, end: Math.max(start, lowerBound(rows, view.to + 1)) };
}

/** Stops at what is shown now: nothing that arrives moves the reader. */
export function stay(view: View, rows: readonly MessageJson[]): View {
  if (view.at === "reading") return view;
  const { start, end } = sliceOf(view, rows);
  return between(rows, start, end);
}

/** More rows above; undefined when all loaded ones are shown. */
export function up(view: View, rows: readonly MessageJson[]): View | undefined {
  const { start, end } = sliceOf(view, rows);
  if (start === 0) return undefined;
  const from = Math.max(0, start - stepRows);
  return between(rows, from, Math.min(end, from + windowRowsMax));
}

/** More rows below; undefined when the newest loaded one is shown. */
export function down(view: View, rows: readonly MessageJson[]): View | undefined {
  const { start, end } = sliceOf(view, rows);
  if (end >= rows.length) return undefined;
  const to = Math.min(rows.length, end + stepRows);
  return between(rows, Math.max(start, to - windowRowsMax), to);
}

/** The rows around the one with `seq`. */
export function around(rows: readonly MessageJson[], seq: number): View {
  const at = lowerBound(rows, seq);
  return between(rows, Math.max(0, at - stepRows), Math.min(rows.length, at + stepRows));
}

function between(rows: readonly MessageJson[], start: number, end: number): View {
  return { at: "reading", from: rows[start]?.seqId ?? 0, to: rows[end - 1]?.seqId ?? 0 };
}
