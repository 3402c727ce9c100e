import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { isChangeType } from "./change-meta.ts";
import { completed } from "./complete-rows.ts";
import { bytesOf } from "./message-page.ts";
import { type ShownRow, toMessage, toReply } from "./message-row.ts";
import { extended, type Window, windowOf } from "./message-window.ts";
import type { PageRead } from "./page-reader.ts";

const kindChange = 2;

/** The changes that make the row of their message another one. */
const changesRow = new Set(["edit", "recall", "reaction"]);

/** Whether it is known what a row changes in others: nothing, or the message that was read with it. */
function isClear({ known: { others } }: PageRead<ShownRow>, row: ShownRow): boolean {
  const { kind, changeType, targetMessageId } = row;
  if (kind !== kindChange) return true;
  if (changeType === null || !isChangeType(changeType)) return false;
  return !changesRow.has(changeType) || (targetMessageId !== null && others.has(targetMessageId));
}

/** A window and what `above` read from its end on, as the database has it at the head that was read with it: rows that were
 *  changed since are as they are there, and so is what shows them. All rows of the window are kept. Where more rows were stored
 *  than were read, these alone; undefined where a change is not understood, or nothing was read and nothing is held. */
export function raisedWindow(window: Window | undefined, above: PageRead<ShownRow>): Window | undefined {
  if (above.rows.length === 0) return window;
  const rows = above.rows.toReversed();
  const more = windowOf(rows, completed(rows, above.known));
  if (more === undefined || window === undefined || rows[0]?.seqId !== window.newest + 1n) return more;
  if (!rows.every((row) => isClear(above, row))) return undefined;
  return extended(changedWindow(window, changedRows(above)), more);
}

/** By id, as they are now. */
function changedRows({ rows, known: { others } }: PageRead<ShownRow>): Map<string, ShownRow> {
  const changed = new Map<string, ShownRow>();
  for (const { changeType, targetMessageId } of rows) {
    if (changeType === null || targetMessageId === null || !changesRow.has(changeType)) continue;
    const target = others.get(targetMessageId);
    if (target !== undefined) changed.set(targetMessageId.toString(), target);
  }
  return changed;
}

function changedWindow(window: Window, changed: ReadonlyMap<string, ShownRow>): Window {
  if (changed.size === 0) return window;
  const messages = window.messages.map((message) => changedMessage(message, changed));
  const bytes = window.messages.map(({ id }, at) => {
    const row = changed.get(id);
    return row === undefined ? (window.bytes[at] ?? 0) : bytesOf(row);
  });
  return { messages, bytes, newest: window.newest };
}

/** The very object where nothing of it changed. */
function changedMessage(held: Message, changed: ReadonlyMap<string, ShownRow>): Message {
  const own = changed.get(held.id);
  const message = own === undefined ? held : toMessage(own, held.sender, { replyTo: held.replyTo });
  const replied = changed.get(held.replyTo?.messageId ?? "");
  if (replied !== undefined) return { ...message, replyTo: toReply(replied) };
  const edited = changed.get(held.targetMessageId);
  if (edited === undefined || message.change.case !== "edit") return message;
  const value = { ...message.change.value, content: edited.deleted ? "" : edited.content };
  return { ...message, change: { case: "edit", value } };
}
