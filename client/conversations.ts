import type { ConversationJson as Conversation, MessageJson as Message } from "#proto/objects.ts";
import type { Api } from "./api.ts";
import type { Clock } from "./clock.ts";
import { changedConversation, groupChangeOf } from "./group-changes.ts";

export interface ConversationsDeps {
  readonly api: Pick<Api, "conversations" | "setPersonal" | "hide">;
  readonly clock: Clock;
  readonly userId: () => string | undefined;
  readonly onChange: () => void;
  /** Puts the read position on the wire; false when there is no connection. */
  readonly transmitRead: (conversationId: string, seqId: number) => boolean;
}

/** The conversation list as the user sees it: heads, unread counts and read positions, kept current by what is pushed. */
export interface Conversations {
  /** The world first where it is not pinned, then pinned ones, then the latest activity. */
  list(): readonly Conversation[];
  get(id: string): Conversation | undefined;
  /** Fetches the list; joins a fetch that has not started yet. */
  refresh(): Promise<void>;
  /** The same after a short while, once for many calls. */
  refreshSoon(): void;
  put(conversation: Conversation): void;
  /** Pins a conversation to the top, or silences it: for this user alone. Shown at once, taken back when it is refused.
   *  Rejects with ClientError. */
  setPersonal(id: string, settings: PersonalSettings): Promise<void>;
  /** Takes a single chat from the list until its next message; what was written before is gone for this user. Rejects with
   *  ClientError. */
  hide(id: string): Promise<void>;
  /** A row of the stream arrived. Rows at or below the known head count nothing. A change shows in the list; one that ends
   *  the own membership takes the conversation from it. */
  arrived(row: Message): void;
  /** Messages up to `toSeq` exist but were not pushed. */
  missed(conversationId: string, toSeq: number): void;
  /** The user has seen everything up to `seqId`: shown at once, told to the server at most once a second. */
  markRead(conversationId: string, seqId: number): void;
  /** The server's word on the read position. */
  readConfirmed(conversationId: string, seqId: number, unreadCount: number | undefined): void;
  connected(): void;
  clear(): void;
}

export interface PersonalSettings {
  readonly pinned?: boolean;
  readonly notifyMuted?: boolean;
}

const pageSize = 100;
/** 1,000 conversations; older ones are found by search. */
const pagesMax = 10;
const refreshDelayMs = 500;
const readIntervalMs = 1_000;

export function createConversations(deps: ConversationsDeps): Conversations {
  const { api, clock } = deps;
  const known = new Map<string, Conversation>();
  /** Read positions that the server does not know yet. */
  const unsentReads = new Map<string, number>();
  let generation = 0;
  let running: Promise<void> | undefined;
  let cancelRefresh: (() => void) | undefined;
  let cancelRead: (() => void) | undefined;

  const set = (conversation: Conversation): void => {
    known.set(conversation.id, conversation);
    deps.onChange();
  };
  const fetchAll = async (): Promise<void> => {
    const mine = generation;
    const seen = new Set<string>();
    for (let page = 1; page <= pagesMax; page++) {
      const answer = await api.conversations(page, pageSize);
      if (mine !== generation) return;
      for (const fresh of answer.conversations) {
        seen.add(fresh.id);
        known.set(fresh.id, merge(known.get(fresh.id), fresh, unsentReads.get(fresh.id)));
      }
      if (!answer.hasMore) break;
      if (page === pagesMax) for (const id of known.keys()) seen.add(id); // The rest is unknown, not gone.
    }
    for (const id of [...known.keys()]) if (!seen.has(id)) known.delete(id);
    deps.onChange();
  };
  const refresh = (): Promise<void> => {
    cancelRefresh?.();
    cancelRefresh = undefined;
    const before = running ?? Promise.resolve();
    const next = before.then(fetchAll, fetchAll).finally(() => {
      if (running === next) running = undefined;
    });
    running = next;
    return next;
  };
  const refreshSoon = (): void => {
    cancelRefresh ??= clock.after(refreshDelayMs, () => {
      cancelRefresh = undefined;
      refresh().catch(() => undefined); // The next connection refreshes again.
    });
  };
  const flushReads = (): void => {
    cancelRead = undefined;
    for (const [id, seqId] of unsentReads) {
      if (!deps.transmitRead(id, seqId)) return;
      unsentReads.delete(id);
    }
  };

  return {
    list: () => [...known.values()].sort(byActivity),
    get: (id) => known.get(id),
    refresh,
    refreshSoon,
    put: set,
    setPersonal: async (id, settings) => {
      const before = known.get(id);
      if (before !== undefined) set({ ...before, ...settings });
      try {
        await api.setPersonal(id, settings);
      } catch (error) {
        const now = known.get(id);
        const { pinned, notifyMuted } = before ?? {};
        if (now !== undefined) set({ ...now, pinned: pinned === true, notifyMuted: notifyMuted === true });
        throw error;
      }
    },
    hide: async (id) => {
      await api.hide(id);
      if (known.delete(id)) deps.onChange();
    },
    arrived: (row) => {
      const before = known.get(row.conversationId);
      if (before === undefined) return refreshSoon();
      if (row.seqId <= (before.lastSeqId ?? 0)) return;
      const change = groupChangeOf(row);
      const conversation = change === undefined ? before : changedConversation(before, change, deps.userId());
      if (conversation === undefined) {
        known.delete(row.conversationId);
        deps.onChange();
        refreshSoon(); // A list that is on its way may still have it.
        return;
      }
      const mine = row.senderId === deps.userId();
      const message = row.kind !== "change";
      set({
        ...conversation,
        lastSeqId: row.seqId,
        lastActivityAt: row.createdAt,
        ...(message ? { lastMessage: row } : {}),
        ...(message && mine ? { unreadCount: 0, lastReadSeqId: row.seqId } : {}),
        ...(message && !mine ? { unreadCount: (conversation.unreadCount ?? 0) + 1 } : {}),
      });
    },
    missed: (conversationId, toSeq) => {
      const conversation = known.get(conversationId);
      if (conversation === undefined) return;
      const added = toSeq - (conversation.lastSeqId ?? 0);
      if (added > 0) set({ ...conversation, lastSeqId: toSeq, unreadCount: (conversation.unreadCount ?? 0) + added });
    },
    markRead: (conversationId, seqId) => {
      const conversation = known.get(conversationId);
      if (conversation === undefined || seqId <= (conversation.lastReadSeqId ?? 0)) return;
      const left = Math.max(0, (conversation.lastSeqId ?? 0) - seqId);
      set({ ...conversation, lastReadSeqId: seqId, unreadCount: Math.min(left, conversation.unreadCount ?? 0) });
      unsentReads.set(conversationId, seqId);
      cancelRead ??= clock.after(readIntervalMs, flushReads);
    },
    readConfirmed: (conversationId, seqId, unreadCount) => {
      const conversation = known.get(conversationId);
      if (conversation === undefined || seqId < (conversation.lastReadSeqId ?? 0)) return;
      const left = Math.max(0, (conversation.lastSeqId ?? 0) - seqId);
      set({ ...conversation, lastReadSeqId: seqId, unreadCount: Math.min(left, unreadCount ?? left) });
    },
    connected: () => {
      cancelRead ??= clock.after(0, flushReads);
    },
    clear: () => {
      generation++;
      cancelRefresh?.();
      cancelRead?.();
      cancelRefresh = undefined;
      cancelRead = undefined;
      known.clear();
      unsentReads.clear();
      deps.onChange();
    },
  };
}

/** What rows of the stream keep current. */
const pushedFields = [
  ...(["lastSeqId", "lastMessage", "unreadCount", "lastActivityAt"] as const),
  ...(["name", "avatarUrl", "description", "settings", "announcement"] as const),
  ...(["memberCount", "ownerId", "myMembership", "dissolvedAt"] as const),
] as const;

/** What was pushed while the list was on its way is newer than the list; a read position that is on its way wins, too. */
function merge(old: Conversation | undefined, fresh: Conversation, unsentRead: number | undefined): Conversation {
  const newer = old !== undefined && (old.lastSeqId ?? 0) > (fresh.lastSeqId ?? 0);
  const head: Partial<Conversation> = {};
  for (const name of newer ? pushedFields : []) {
    if (old?.[name] !== undefined) Object.assign(head, { [name]: old[name] });
  }
  const merged = { ...fresh, ...head } as Conversation;
  if (unsentRead === undefined || unsentRead <= (fresh.lastReadSeqId ?? 0)) return merged;
  const left = Math.max(0, (merged.lastSeqId ?? 0) - unsentRead);
  return { ...merged, lastReadSeqId: unsentRead, unreadCount: Math.min(left, merged.unreadCount ?? 0) };
}

/** As the server lists them (spec 10 §5). */
function byActivity(a: Conversation, b: Conversation): number {
  const rank = (c: Conversation): number => (c.pinned === true ? 1 : c.type === 3 ? 2 : 0);
  const activity = (c: Conversation): number => c.lastActivityAt ?? c.lastMessage?.createdAt ?? c.updatedAt;
  return rank(b) - rank(a) || activity(b) - activity(a) || (a.id < b.id ? -1 : 1);
}
