import type { Clock } from "./clock.ts";

export interface TypingDeps {
  readonly clock: Clock;
  readonly me: () => string | undefined;
  /** False when there is no connection. */
  readonly transmit: (frame: object) => boolean;
  readonly onChange: (conversationId: string) => void;
}

/** Who is typing (spec 20 §4): single chats and groups that are no rooms. Nothing of it is kept. */
export interface Typing {
  /** Call it for every key: the others are told at once, and again every three seconds while it goes on. */
  typed(conversationId: string): void;
  /** The text was sent or given up. Telling it is not needed after six seconds without a key. */
  stopped(conversationId: string): void;
  /** The others who are typing there, the first of them first. */
  who(conversationId: string): readonly string[];
}

export interface TypingStore extends Typing {
  /** A `typing-indicator` frame. */
  heard(conversationId: string, userId: string, typing: boolean): void;
  /** An `error` frame for `frameId`: there is no typing in such a conversation. */
  refused(frameId: string, code: string): void;
  clear(): void;
}

/** The server drops what comes within three seconds of the one before; frames do not all travel equally fast. */
const repeatMs = 3_200;
const expiryMs = 6_000;
const typistsMax = 50;
const conversationsMax = 200;
const refusedMax = 200;
const frameIdCharsMax = 64;
const framePrefix = "t";

export function createTyping({ clock, me, transmit, onChange }: TypingDeps): TypingStore {
  /** By conversation: who, and how to stop waiting for the end. */
  const typists = new Map<string, Map<string, () => void>>();
  /** What the others were told last, by conversation. */
  const told = new Map<string, { readonly atMs: number; readonly typing: boolean }>();
  const refused = new Set<string>();

  const forget = (conversationId: string, userId: string): void => {
    const there = typists.get(conversationId);
    const cancel = there?.get(userId);
    if (there === undefined || cancel === undefined) return;
    cancel();
    there.delete(userId);
    if (there.size === 0) typists.delete(conversationId);
    onChange(conversationId);
  };
  return {
    typed: (conversationId) => {
      const nowMs = clock.now();
      const before = told.get(conversationId)?.atMs ?? Number.NEGATIVE_INFINITY;
      if (refused.has(conversationId) || nowMs - before < repeatMs) return;
      const frame = { type: "typing", data: { conversationId } };
      // The id comes back in a refusal.
      const id = conversationId.length < frameIdCharsMax ? { id: `${framePrefix}${conversationId}` } : {};
      if (!transmit({ ...frame, ...id })) return;
      if (told.size >= conversationsMax) told.clear();
      told.set(conversationId, { atMs: nowMs, typing: true });
    },
    stopped: (conversationId) => {
      const last = told.get(conversationId);
      if (last?.typing !== true || clock.now() - last.atMs >= expiryMs) return;
      // The time stays: typing on within three seconds would be dropped by the server.
      if (transmit({ type: "stop-typing", data: { conversationId } }))
        told.set(conversationId, { ...last, typing: false });
    },
    who: (conversationId) => [...(typists.get(conversationId)?.keys() ?? [])],
    heard: (conversationId, userId, typing) => {
      if (userId === me()) return;
      if (!typing) return forget(conversationId, userId);
      const there = typists.get(conversationId) ?? new Map<string, () => void>();
      const known = there.get(userId);
      if (known === undefined && (there.size >= typistsMax || typists.size >= conversationsMax)) return;
      known?.();
      typists.set(conversationId, there);
      there.set(
        userId,
        clock.after(expiryMs, () => forget(conversationId, userId)),
      );
      if (known === undefined) onChange(conversationId);
    },
    refused: (frameId, code) => {
      if (code !== "OPERATION_NOT_SUPPORTED" || !frameId.startsWith(framePrefix)) return;
      if (refused.size >= refusedMax) refused.clear();
      refused.add(frameId.slice(framePrefix.length));
    },
    clear: () => {
      for (const there of typists.values()) for (const cancel of there.values()) cancel();
      typists.clear();
      told.clear();
      refused.clear();
    },
  };
}
