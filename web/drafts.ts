import { signal } from "@preact/signals";
import { readJson, writeJson } from "#client/storage.ts";
import { pageStorage, session } from "./state.ts";

/** Texts begun and not sent, by conversation; kept on this device, per account. */
export const drafts = signal<Readonly<Record<string, string>>>({});

/** Past it the oldest drafts are dropped. */
const draftsMax = 100;
const storage = pageStorage("localStorage");
const keyOf = (userId: string): string => `gochat.drafts.${userId}`;

export function loadDrafts(): void {
  const userId = session.peek()?.user.id;
  const saved = userId === undefined ? undefined : readJson(storage, keyOf(userId));
  const entries = typeof saved === "object" && saved !== null ? Object.entries(saved) : [];
  drafts.value = Object.fromEntries(entries.filter(([, text]) => typeof text === "string").slice(-draftsMax));
}

export function setDraft(conversationId: string, text: string): void {
  const userId = session.peek()?.user.id;
  if (userId === undefined || (drafts.peek()[conversationId] ?? "") === text) return;
  const { [conversationId]: _old, ...rest } = drafts.peek();
  const entries = Object.entries(rest).slice(1 - draftsMax);
  drafts.value = Object.fromEntries(text === "" ? entries : [...entries, [conversationId, text]]);
  writeJson(storage, keyOf(userId), entries.length === 0 && text === "" ? undefined : drafts.value);
}
