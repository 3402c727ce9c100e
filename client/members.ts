import type { ConversationMemberJson as ConversationMember, MessageJson as Message } from "#proto/objects.ts";
import { codeOf } from "./errors.ts";
import { type GroupChange, groupChangeOf } from "./group-changes.ts";
import type { MemberPage } from "./groups.ts";
import type { LoadState } from "./history.ts";

/** The members of one conversation, as far as they are loaded. */
export interface MemberList {
  /** Owner, admins, then the others by name. */
  list(): readonly ConversationMember[];
  get(userId: string): ConversationMember | undefined;
  /** All of them, loaded or not. */
  total(): number;
  hasMore(): boolean;
  loading(): LoadState;
  /** Fetches the next 100; joins a fetch that runs. Never rejects: see `loading`. */
  loadMore(): Promise<void>;
}

/** Members of the conversations that are looked at, kept current by what is pushed. */
export interface Members {
  /** Starts loading the first page. The same object while it is kept: five conversations are. */
  open(conversationId: string): MemberList;
}

export interface MembersStore extends Members {
  /** A row of the stream. */
  apply(row: Message): void;
  /** A member as the server answered it. */
  put(member: ConversationMember): void;
  /** After a reconnect: what is kept is fetched again. */
  refresh(): void;
  clear(): void;
}

export interface MembersDeps {
  readonly load: (conversationId: string, page: { page: number; size: number; role?: number }) => Promise<MemberPage>;
  readonly onChange: (conversationId: string) => void;
}

const openMax = 5;
const pageSize = 100;
const adminRoles = [3, 2] as const;

export function createMembers({ load, onChange }: MembersDeps): MembersStore {
  const opened = new Map<string, Opened>();
  return {
    open: (conversationId) => {
      const known = opened.get(conversationId);
      const entry = known ?? openMembers(conversationId, load, () => onChange(conversationId));
      opened.delete(conversationId);
      opened.set(conversationId, entry);
      const [oldest] = opened.keys();
      if (opened.size > openMax && oldest !== undefined) opened.delete(oldest);
      if (known === undefined) void entry.view.loadMore();
      return entry.view;
    },
    apply: (row) => {
      const entry = opened.get(row.conversationId);
      const change = entry === undefined ? undefined : groupChangeOf(row);
      if (change !== undefined) entry?.apply(change);
    },
    put: (member) => opened.get(member.conversationId)?.put(member),
    refresh: () => {
      for (const entry of opened.values()) entry.refresh();
    },
    clear: () => opened.clear(),
  };
}

interface Opened {
  readonly view: MemberList;
  apply(change: GroupChange): void;
  put(member: ConversationMember): void;
  refresh(): void;
}

function openMembers(conversationId: string, load: MembersDeps["load"], changed: () => void): Opened {
  const known = new Map<string, ConversationMember>();
  let pages = 0;
  let total = 0;
  let hasMore = true;
  let state: LoadState = { at: "idle" };
  let running: Promise<void> | undefined;
  /** Changes that came while a page was on its way: the page may not have them. */
  let meanwhile: GroupChange[] = [];
  let sorted: readonly ConversationMember[] | undefined;

  const touched = (): void => {
    sorted = undefined;
    changed();
  };
  const take = (page: MemberPage): void => {
    for (const member of page.members) known.set(member.userId, member);
  };
  const loadPage = async (): Promise<void> => {
    const first = await load(conversationId, { page: pages + 1, size: pageSize });
    if (pages === 0) known.clear();
    take(first);
    // Pages go by id: who leads a large group would be somewhere.
    if (pages === 0 && first.hasMore) {
      for (const role of adminRoles) take(await load(conversationId, { page: 1, size: pageSize, role }));
    }
    pages += 1;
    ({ total, hasMore } = first);
  };
  const loadMore = (): Promise<void> => {
    if (!hasMore) return Promise.resolve();
    state = { at: "loading" };
    meanwhile = [];
    running ??= loadPage()
      .then(
        () => {
          state = { at: "idle" };
        },
        (error: unknown) => {
          state = { at: "failed", code: codeOf(error) };
        },
      )
      .finally(() => {
        running = undefined;
        for (const change of meanwhile) alter(known, change);
        touched();
      });
    changed();
    return running;
  };
  return {
    view: {
      list: () => {
        sorted ??= [...known.values()].sort(byRank);
        return sorted;
      },
      get: (userId) => known.get(userId),
      total: () => total,
      hasMore: () => hasMore,
      loading: () => state,
      loadMore,
    },
    apply: (change) => {
      if (running !== undefined) meanwhile.push(change);
      if ("memberCount" in change) total = change.memberCount;
      alter(known, change);
      touched();
    },
    put: (member) => {
      const before = known.get(member.userId);
      if (before === undefined) return;
      known.set(member.userId, { ...before, ...member });
      touched();
    },
    refresh: () => {
      const again = (): void => {
        pages = 0;
        hasMore = true;
        void loadMore();
      };
      if (running === undefined) again();
      else void running.finally(again);
    },
  };
}

function alter(known: Map<string, ConversationMember>, change: GroupChange): void {
  const { conversationId } = change;
  const set = (userId: string, fields: Partial<ConversationMember>): void => {
    const before = known.get(userId);
    if (before !== undefined) known.set(userId, { ...before, ...fields });
  };
  switch (change.type) {
    case "added":
      for (const { userId, username, role } of change.members) {
        const user = { id: userId, username };
        const joinedAt = change.row.createdAt;
        if (!known.has(userId)) known.set(userId, { userId, conversationId, role, muted: false, joinedAt, user });
      }
      break;
    case "removed":
    case "left":
      for (const userId of change.userIds) known.delete(userId);
      break;
    case "role":
      set(change.userId, { role: change.role });
      break;
    case "mute":
      set(change.userId, { muted: change.muted, mutedUntil: change.mutedUntil });
      break;
    default:
  }
}

function byRank(a: ConversationMember, b: ConversationMember): number {
  const name = (member: ConversationMember): string => member.user?.username ?? "";
  return b.role - a.role || name(a).localeCompare(name(b)) || (a.userId < b.userId ? -1 : 1);
}
