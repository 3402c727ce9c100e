import type { ConversationJson as Conversation, MessageJson as Message } from "#proto/objects.ts";
import type { Api } from "./api.ts";
import type { Clock } from "./clock.ts";

export interface ConversationsDeps {
  readonly api: Pick<Api, "conversations">;
  readonly clock: Clock;
  readonly userId: () => string | undefined;
  readonly onChange: () => void;
  /** Puts the read position on the wire; false when there is no connection. */
  readonly transmitRead: (conversationId: string, seqId: number) => boolean;
}

/** The conversation list as the user sees it: heads, unread counts and read positions, kept current by what is pushed. */
export interface Conversations {
  /** World and pinned first, then the latest activity. */
  list(): readonly Conversation[];
  get(id: string): Conversation | undefined;
  /** Fetches the list; joins a fetch that has not started yet. */
  refresh(): Promise<void>;
  /** The same after a short while, once for many calls. */
  refreshSoon(): void;
  put(conversation: Conversation): void;
  /** A row of the stream arrived. Rows at or below the known head count nothing. */
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
    arrived: (row) => {
      const conversation = known.get(row.conversationId);
      if (conversation === undefined) return refreshSoon();
      if (row.seqId <= (conversation.lastSeqId ?? 0)) return;
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

/** What was pushed while the list was on its way is newer than the list; a read position that is on its way wins, too. */
function merge(old: Conversation | undefined, fresh: Conversation, unsentRead: number | undefined): Conversation {
  const newer = old !== undefined && (old.lastSeqId ?? 0) > (fresh.lastSeqId ?? 0);
  const head = newer
    ? {
        lastSeqId: old.lastSeqId,
        lastMessage: old.lastMessage,
        unreadCount: old.unreadCount,
        lastActivityAt: old.lastActivityAt,
      }
    : {};
  const merged = { ...fresh, ...head } as Conversation;
  if (unsentRead === undefined || unsentRead <= (fresh.lastReadSeqId ?? 0)) return merged;
  const left = Math.max(0, (merged.lastSeqId ?? 0) - unsentRead);
  return { ...merged, lastReadSeqId: unsentRead, unreadCount: Math.min(left, merged.unreadCount ?? 0) };
}

function byActivity(a: Conversation, b: Conversation): number {
  const rank = (c: Conversation): number => (c.pinned === true ? 2 : c.type === 3 ? 1 : 0);
  const activity = (c: Conversation): number => c.lastActivityAt ?? c.lastMessage?.createdAt ?? c.updatedAt;
  return rank(b) - rank(a) || activity(b) - activity(a) || (a.id < b.id ? -1 : 1);
}
