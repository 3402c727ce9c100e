import { signal } from "@preact/signals";
import { replyOf } from "#client/changes.ts";
import { codeOf } from "#client/errors.ts";
import type { MessageJson } from "#proto/objects.ts";
import { beginEdit, drafts, endEdit, loadDrafts, setDraft, showRemote } from "./drafts.ts";
import { client, currentId, openConversation, session } from "./state.ts";

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
  endEdit();
  acting.value = { kind: "reply", row };
  keepText(row.conversationId, drafts.peek()[row.conversationId] ?? "");
}

export function startEdit(row: MessageJson): void {
  acting.value = { kind: "edit", row };
  beginEdit(row.conversationId, row.content);
}

/** Keeps what the composer holds, and what it answers. */
export function keepText(conversationId: string, text: string): void {
  setDraft(conversationId, text, replyIn(conversationId));
}

function replyIn(conversationId: string): string | undefined {
  const begun = acting.peek();
  return begun?.kind === "reply" && begun.row.conversationId === conversationId ? begun.row.id : undefined;
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

/** An edit that is given up takes its text with it: the draft is there again. */
export function stopActing(): void {
  const stopped = acting.value;
  acting.value = undefined;
  actionError.value = undefined;
  endEdit();
  if (stopped?.kind === "reply") {
    keepText(stopped.row.conversationId, drafts.peek()[stopped.row.conversationId] ?? "");
  }
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
  if (begun?.kind === "edit") {
    endEdit();
    attempt(client.messages.edit(begun.row.id, content));
    return;
  }
  client.send({ conversationId, content, ...(begun === undefined ? {} : { replyTo: replyOf(begun.row) }) });
  setDraft(conversationId, "");
}

/** The reply that a draft belongs to, which may have been begun on another device. An edit is not interrupted. */
async function showReply(conversationId: string): Promise<void> {
  const wanted = client.drafts.get(conversationId)?.replyToMessageId;
  if (wanted === undefined || acting.peek()?.kind === "edit" || wanted === replyIn(conversationId)) return;
  const loaded = openConversation(conversationId).timeline.rows();
  const row = loaded.find(({ id }) => id === wanted) ?? (await client.messages.get(wanted).catch(() => undefined));
  const still = currentId.peek() === conversationId && client.drafts.get(conversationId)?.replyToMessageId === wanted;
  if (row !== undefined && row.deleted !== true && still && acting.peek()?.kind !== "edit") {
    acting.value = { kind: "reply", row };
  }
}

/** Follows the account and the drafts of its other devices, and saves when another conversation is shown. Call once. */
export function startActing(): void {
  client.on("session", ({ why }) => {
    if (why !== "renewed") loadDrafts();
  });
  client.on("draft", (draft) => {
    showRemote(draft.conversationId, draft);
    if (draft.conversationId !== currentId.peek()) return;
    if (draft.replyToMessageId === undefined && replyIn(draft.conversationId) !== undefined) acting.value = undefined;
    void showReply(draft.conversationId);
  });
  currentId.subscribe((id) => {
    client.drafts.save();
    if (id !== undefined && session.peek() !== undefined) void showReply(id);
  });
}
