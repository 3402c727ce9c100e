import type { DraftJson } from "#proto/objects.ts";
import { createAsker } from "./asker.ts";
import type { Random } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { repeatable } from "./error-codes.ts";
import { codeOf } from "./errors.ts";
import type { HttpRequest } from "./http.ts";
import { type KeyValueStorage, readJson, writeJson } from "./storage.ts";

/** A text begun and not sent; empty content: none. */
export interface DraftText {
  readonly content: string;
  readonly replyToMessageId?: string;
}

export interface ConversationDraft extends DraftText {
  readonly conversationId: string;
}

/** Texts begun and not sent, the same on all devices of the user: at once in `storage`, on the server a second after the
 *  last change. What is written here is never replaced by what comes from another device before it was saved: the last
 *  write wins. A text that is sent by `Client.send` stops being a draft. */
export interface Drafts {
  list(): readonly ConversationDraft[];
  get(conversationId: string): DraftText | undefined;
  set(conversationId: string, content: string, replyToMessageId?: string): void;
  /** Does not wait for the second: the page is left, another conversation is opened. */
  save(): void;
}

export interface DraftsPart extends Drafts {
  /** Loads what this device has of the account. */
  restore(userId: string | undefined): void;
  /** Asks for what changed meanwhile, then saves what is open. `sessionId` of the `connected` frame. */
  connected(sessionId: string | undefined): void;
  /** Frames may be missing. */
  refresh(): void;
  /** Data of a `draft-updated` frame. */
  updated(data: unknown): void;
  sent(conversationId: string, content: string): void;
}

export interface DraftsDeps {
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: KeyValueStorage;
  /** Another device changed it. */
  readonly onChange: (draft: ConversationDraft) => void;
}

interface Kept {
  readonly text: DraftText;
  /** What the server has, as far as it is known. */
  readonly saved: DraftText;
  readonly version: number;
}

/** Of one device; past it the oldest are forgotten here, saved ones first. */
const draftsMax = 100;
const idleMs = 1_000;
const pagesMax = 10;
const nothing: DraftText = { content: "" };

export function createDrafts({ call, clock, random, storage, onChange }: DraftsDeps): DraftsPart {
  let kept = new Map<string, Kept>();
  let userId: string | undefined;
  let sessionId: string | undefined;
  /** Of the last list, Unix s. */
  let serverTime: number | undefined;
  let stale = false;
  let cancelTimer: (() => void) | undefined;

  const persist = (): void => {
    if (userId === undefined) return;
    const drafts = Object.fromEntries([...kept].filter(([, one]) => one.text.content !== "" || isOpen(one)));
    writeJson(storage, keyOf(userId), { serverTime, drafts });
  };
  const put = (conversationId: string, one: Kept): void => {
    kept.delete(conversationId);
    kept.set(conversationId, one);
    if (kept.size > draftsMax) {
      const oldest = [...kept].find(([, other]) => !isOpen(other))?.[0] ?? kept.keys().next().value;
      if (oldest !== undefined) kept.delete(oldest);
    }
    persist();
  };
  const arrived = (draft: DraftJson): void => {
    const { conversationId, version } = draft;
    const known = kept.get(conversationId);
    if (known !== undefined && version <= known.version) return;
    const saved = textOf(draft.content, draft.replyToMessageId);
    if (known !== undefined && isOpen(known)) put(conversationId, { ...known, saved, version });
    else {
      put(conversationId, { text: saved, saved, version });
      if (!same(known?.text ?? nothing, saved)) onChange({ conversationId, ...saved });
    }
  };

  const fetchChanges = async (mine: string): Promise<void> => {
    const since = serverTime;
    let next: number | undefined;
    for (let page = 1; page <= pagesMax; page++) {
      const query = { page, size: draftsMax, last_sync: since };
      const answer = (await call({ method: "GET", path: "/conversations/drafts", query })) as DraftList;
      if (mine !== userId) return;
      next ??= answer.serverTime;
      // The newest is kept longest.
      for (const draft of since === undefined ? answer.drafts.toReversed() : answer.drafts) arrived(draft);
      if (!answer.hasMore || since === undefined) break;
    }
    serverTime = next;
    persist();
  };
  const saveOne = async (conversationId: string, { text }: Kept, mine: string): Promise<void> => {
    const path = `/conversations/${encodeURIComponent(conversationId)}/draft`;
    const socket = sessionId === undefined ? {} : { sessionId };
    let version = 0;
    try {
      const request: HttpRequest =
        text.content === ""
          ? { method: "DELETE", path, query: socket }
          : { method: "PUT", path, body: { ...text, ...socket } };
      ({ version } = (await call(request)) as DraftJson);
    } catch (error) {
      if (repeatable(codeOf(error))) throw error;
      // It cannot be kept there: it stays on this device.
    }
    const known = mine === userId ? kept.get(conversationId) : undefined;
    if (known === undefined) return;
    // Something later is stored already: what is here is to be saved again.
    if (version !== 0 && version < known.version) return exchanging.ask();
    put(conversationId, { ...known, saved: text, version: Math.max(version, known.version) });
  };
  /** False: to be repeated. */
  const exchange = async (): Promise<boolean> => {
    const mine = userId;
    if (mine === undefined) return true;
    try {
      if (stale) await fetchChanges(mine);
      stale = false;
      for (const [conversationId, one] of [...kept]) {
        if (mine === userId && isOpen(one)) await saveOne(conversationId, one, mine);
      }
      return true;
    } catch (error) {
      return !repeatable(codeOf(error));
    }
  };
  const exchanging = createAsker(exchange, { clock, random });
  const save = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    if ([...kept.values()].some(isOpen)) exchanging.ask();
  };
  const refresh = (): void => {
    stale = true;
    exchanging.ask();
  };
  const change = (conversationId: string, text: DraftText): boolean => {
    const known = kept.get(conversationId) ?? { text: nothing, saved: nothing, version: 0 };
    if (same(known.text, text)) return false;
    put(conversationId, { ...known, text });
    return true;
  };

  return {
    list: () =>
      [...kept].flatMap(([conversationId, { text }]) => (text.content === "" ? [] : [{ conversationId, ...text }])),
    get: (conversationId) => {
      const text = kept.get(conversationId)?.text;
      return text?.content === "" ? undefined : text;
    },
    set: (conversationId, content, replyToMessageId) => {
      if (!change(conversationId, textOf(content, replyToMessageId))) return;
      cancelTimer?.();
      cancelTimer = clock.after(idleMs, save);
    },
    save,
    sent: (conversationId, content) => {
      if (kept.get(conversationId)?.text.content.trim() !== content.trim()) return;
      if (change(conversationId, nothing)) save();
    },
    restore: (next) => {
      if (next === userId) return;
      cancelTimer?.();
      cancelTimer = undefined;
      exchanging.cancel();
      userId = next;
      ({ kept, serverTime } = next === undefined ? empty() : restored(readJson(storage, keyOf(next))));
    },
    connected: (id) => {
      sessionId = id;
      refresh();
    },
    refresh,
    updated: (data) => {
      if (isDraft(data)) arrived(data);
    },
  };
}

interface DraftList {
  readonly drafts: readonly DraftJson[];
  readonly hasMore: boolean;
  readonly serverTime: number;
}

const keyOf = (userId: string): string => `gochat.drafts.${userId}`;
const empty = () => ({ kept: new Map<string, Kept>(), serverTime: undefined });

/** Blank text cannot be sent. What answers a message and has no text yet is no draft either. */
function textOf(content: string, replyToMessageId: string | undefined): DraftText {
  if (content.trim() === "") return nothing;
  return replyToMessageId === undefined ? { content } : { content, replyToMessageId };
}

function same(one: DraftText, other: DraftText): boolean {
  return one.content === other.content && one.replyToMessageId === other.replyToMessageId;
}

function isOpen({ text, saved }: Kept): boolean {
  return !same(text, saved);
}

function isDraft(value: unknown): value is DraftJson {
  if (typeof value !== "object" || value === null) return false;
  const { conversationId, content, version } = value as Partial<DraftJson>;
  return typeof conversationId === "string" && typeof content === "string" && typeof version === "number";
}

function restored(value: unknown): { kept: Map<string, Kept>; serverTime: number | undefined } {
  if (typeof value !== "object" || value === null) return empty();
  const { drafts, serverTime } = value as { drafts?: Record<string, Kept>; serverTime?: unknown };
  const whole = Object.entries(drafts ?? {}).filter(([, one]) => isKept(one));
  return { kept: new Map(whole), serverTime: typeof serverTime === "number" ? serverTime : undefined };
}

function isKept(value: unknown): value is Kept {
  const { text, saved, version } = (value ?? {}) as Partial<Kept>;
  return typeof text?.content === "string" && typeof saved?.content === "string" && typeof version === "number";
}
