import { signal } from "@preact/signals";
import type { DraftText } from "#client/drafts.ts";
import { client } from "./state.ts";

/** What the composers hold, by conversation: drafts, which `client.drafts` keeps on all devices of the account, and for the
 *  one that is edited the new text of a message, which is no draft. */
export const drafts = signal<Readonly<Record<string, string>>>({});

let edited: string | undefined;

/** Shows what the SDK has of the account that signed in. */
export function loadDrafts(): void {
  edited = undefined;
  const entries = client.drafts.list().map(({ conversationId, content }) => [conversationId, content]);
  drafts.value = Object.fromEntries(entries);
}

/** Keeps what was written. While a message of the conversation is edited, it is that message's text. */
export function setDraft(conversationId: string, text: string, replyToMessageId?: string): void {
  show(conversationId, text);
  if (edited !== conversationId) client.drafts.set(conversationId, text, replyToMessageId);
}

/** Puts the text of a message in the draft's place until `endEdit`. */
export function beginEdit(conversationId: string, text: string): void {
  endEdit();
  edited = conversationId;
  show(conversationId, text);
}

export function endEdit(): void {
  if (edited === undefined) return;
  const conversationId = edited;
  edited = undefined;
  show(conversationId, client.drafts.get(conversationId)?.content ?? "");
}

/** Shows what another device of the account wrote. */
export function showRemote(conversationId: string, { content }: DraftText): void {
  if (edited !== conversationId) show(conversationId, content);
}

function show(conversationId: string, text: string): void {
  const { [conversationId]: old = "", ...rest } = drafts.peek();
  if (old !== text) drafts.value = text === "" ? rest : { ...rest, [conversationId]: text };
}
