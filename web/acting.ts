import { signal } from "@preact/signals";
import { replyOf } from "#client/changes.ts";
import { codeOf } from "#client/errors.ts";
import type { MessageJson } from "#proto/objects.ts";
import { setDraft } from "./drafts.ts";
import { client, openConversation, session } from "./state.ts";

/** What the composer does with its text beside sending it: answers a message, or puts another text in its place. */
export interface Acting {
  readonly kind: "reply" | "edit";
  readonly row: MessageJson;
}

export const acting = signal<Acting | undefined>(undefined);
/** Key of the message that the pointer is on, or was touched last: it alone has its buttons in the page, so that the tab
 *  key does not stop at every message. */
export const activeMessage = signal<string | undefined>(undefined);
/** Code of the last change that was refused; shown until the next. */
export const actionError = signal<string | undefined>(undefined);

export function startReply(row: MessageJson): void {
  acting.value = { kind: "reply", row };
}

export function startEdit(row: MessageJson): void {
  acting.value = { kind: "edit", row };
  setDraft(row.conversationId, row.content);
}

/** Begins the edit of the own newest text that is loaded; false when there is none. */
export function startEditOfLast(conversationId: string): boolean {
  const me = session.value?.user.id;
  const rows = openConversation(conversationId).timeline.rows();
  const row = rows.findLast((one) => one.kind === "message" && one.senderId === me && one.deleted !== true);
  if (row === undefined || row.messageType !== 1) return false;
  startEdit(row);
  return true;
}

/** An edit that is given up takes its text with it. */
export function stopActing(): void {
  const stopped = acting.value;
  acting.value = undefined;
  actionError.value = undefined;
  if (stopped?.kind === "edit") setDraft(stopped.row.conversationId, "");
}

/** Runs a change; what refuses it is shown. */
export function attempt(change: Promise<unknown>): void {
  actionError.value = undefined;
  change.catch((error: unknown) => {
    actionError.value = codeOf(error);
  });
}

export function toggleReaction(row: MessageJson, emoji: string): void {
  const mine = row.reactions?.some((one) => one.emoji === emoji && one.mine) === true;
  attempt(mine ? client.messages.unreact(row.id, emoji) : client.messages.react(row.id, emoji));
}

/** Sends what was written in `conversationId`, as the reply or the edit that was begun there. */
export function sendText(conversationId: string, content: string): void {
  const begun = acting.value?.row.conversationId === conversationId ? acting.value : undefined;
  acting.value = undefined;
  if (begun?.kind === "edit") attempt(client.messages.edit(begun.row.id, content));
  else client.send({ conversationId, content, ...(begun === undefined ? {} : { replyTo: replyOf(begun.row) }) });
}
