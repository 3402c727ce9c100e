import { worldId } from "../context.ts";
import type { Writes, Written } from "../writes.ts";
import type { ListedConversation, ListQuery } from "./conversation-list.ts";

/** Conversations of all lists together, and of one list. */
const itemsMax = 20_000;
export const listItemsMax = 5000;
/** Of all lists, by estimate, the texts that others make of the conversations included. */
const bytesMax = 64 * 1024 * 1024;
const itemBytes = 3000;
/** Conversations that are read again by one statement; a list of which more have changed is forgotten. */
export const idsMax = 32;
/** Who asks a second time within this, ms, gets a list that is held. */
const againMs = 60_000;
const askersMax = 10_000;
const pagesMax = 8;

/** One page of a list: as long as nothing changes, the same object. */
export interface HeldPage {
  readonly items: ListedConversation[];
  readonly total: number;
}

/** The lists of those who asked more than once lately, whole and in memory. Every write of this process says what to read again
 *  before a list is given once more, so a page is what the database would answer. */
export interface ListSnapshots {
  /** Undefined where the list is not held: the database answers. At most one statement. */
  page(query: ListQuery): Promise<HeldPage | undefined>;
}

export interface SnapshotDeps {
  /** The conversations of a user, hidden ones too: those of `ids`, at most `idsMax`, or all, one more than `listItemsMax`
   *  at most. Reads before it returns. */
  readonly read: (userId: bigint, ids?: readonly string[]) => Promise<ListedConversation[]>;
  readonly writes: Writes;
  /** Unix ms. */
  readonly clock: () => number;
}

class Snapshot {
  readonly userId: bigint;
  readonly items = new Map<string, ListedConversation>();
  /** To be read again; of the world only what concerns the user. */
  changed = new Set<string>();
  /** Writes of the world that it has. */
  worldWrites = 0;
  reading: Promise<void> | undefined;
  dropped = false;
  #order: readonly ListedConversation[] | undefined;
  readonly #pages = new Map<string, HeldPage>();

  constructor(userId: bigint) {
    this.userId = userId;
  }

  reorder(): void {
    this.#order = undefined;
    this.#pages.clear();
  }

  page({ offset, limit, type }: ListQuery): HeldPage {
    const key = `${offset} ${limit} ${type}`;
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    this.#order ??= [...this.items.values()].filter(isShown).sort(inOrder);
    const all = type === 0 ? this.#order : this.#order.filter(({ conversation }) => conversation.type === type);
    const page = { items: all.slice(offset, offset + limit), total: all.length };
    if (this.#pages.size >= pagesMax) this.#pages.clear();
    this.#pages.set(key, page);
    return page;
  }
}

/** What the user hid from the list comes back with the next row. */
function isShown({ conversation, member }: ListedConversation): boolean {
  const { lastSeqId } = conversation;
  return member.hiddenBeforeSeq === 0n || (lastSeqId > member.hiddenBeforeSeq && lastSeqId > 0n);
}

function groupOf({ conversation, member }: ListedConversation): number {
  if (member.pinnedAt !== null) return 1;
  return conversation.id === worldId ? 0 : 2;
}

/** As the statement of the list. */
function inOrder(a: ListedConversation, b: ListedConversation): number {
  return (
    groupOf(a) - groupOf(b) ||
    (b.member.pinnedAt ?? 0) - (a.member.pinnedAt ?? 0) ||
    b.conversation.lastMessageAt - a.conversation.lastMessageAt ||
    (a.conversation.id < b.conversation.id ? -1 : 1)
  );
}

/** Its own texts, and those in the JSON of its own and of its page. */
function bytesOf({ conversation, lastMessage }: ListedConversation): number {
  const { settings, description } = conversation;
  const message = (lastMessage?.content.length ?? 0) + (lastMessage?.extra.length ?? 0);
  return itemBytes + 4 * (message + (settings?.length ?? 0) + (description?.length ?? 0));
}

export function createListSnapshots({ read, writes, clock }: SnapshotDeps): ListSnapshots {
  // Both in the order of the last question.
  const snapshots = new Map<bigint, Snapshot>();
  const askedMs = new Map<bigint, number>();
  const large = new Set<bigint>();
  const byConversation = new Map<string, Set<Snapshot>>();
  const loading = new Set<Snapshot>();
  let items = 0;
  let bytes = 0;
  let worldWrites = 0;

  function put(snapshot: Snapshot, id: string, item: ListedConversation | undefined): void {
    const had = snapshot.items.get(id);
    if (item === undefined) {
      if (had === undefined) return;
      snapshot.items.delete(id);
      unlink(snapshot, had);
      return;
    }
    snapshot.items.set(id, item);
    bytes += bytesOf(item) - (had === undefined ? 0 : bytesOf(had));
    if (had !== undefined) return;
    items += 1;
    const holders = byConversation.get(id);
    if (holders === undefined) byConversation.set(id, new Set([snapshot]));
    else holders.add(snapshot);
  }

  function unlink(snapshot: Snapshot, item: ListedConversation): void {
    const { id } = item.conversation;
    items -= 1;
    bytes -= bytesOf(item);
    const holders = byConversation.get(id);
    holders?.delete(snapshot);
    if (holders?.size === 0) byConversation.delete(id);
  }

  function drop(snapshot: Snapshot): void {
    if (snapshot.dropped) return;
    snapshot.dropped = true;
    snapshots.delete(snapshot.userId);
    for (const item of snapshot.items.values()) unlink(snapshot, item);
    snapshot.items.clear();
  }

  function mark(snapshot: Snapshot, id: string): void {
    snapshot.changed.add(id);
    if (snapshot.changed.size >= idsMax) drop(snapshot);
  }

  function onWrite({ all, conversations, members }: Written): void {
    if (all) {
      for (const snapshot of [...snapshots.values()]) drop(snapshot);
      return;
    }
    for (const id of conversations) {
      // Every list has the world: it is counted once and not marked in each.
      if (id === worldId) {
        worldWrites += 1;
        continue;
      }
      for (const snapshot of [...(byConversation.get(id) ?? [])]) mark(snapshot, id);
      // What a list that is being read will have is not known yet.
      for (const snapshot of loading) mark(snapshot, id);
    }
    for (const [userId, id] of members) {
      const snapshot = snapshots.get(userId);
      if (snapshot !== undefined) mark(snapshot, id);
    }
  }
  writes.watch(onWrite);

  /** The lists that were asked for longest ago go. */
  function trim(): void {
    for (const oldest of snapshots.values()) {
      if (items <= itemsMax && bytes <= bytesMax) break;
      drop(oldest);
    }
  }

  async function load(snapshot: Snapshot): Promise<void> {
    loading.add(snapshot);
    snapshot.worldWrites = worldWrites;
    try {
      const found = await read(snapshot.userId);
      if (snapshot.dropped) return;
      if (found.length > listItemsMax) {
        if (large.size >= askersMax) large.clear();
        large.add(snapshot.userId);
        drop(snapshot);
        return;
      }
      for (const item of found) put(snapshot, item.conversation.id, item);
    } finally {
      loading.delete(snapshot);
    }
    trim();
  }

  async function repair(snapshot: Snapshot): Promise<void> {
    const ids = [...snapshot.changed];
    if (snapshot.worldWrites !== worldWrites) ids.push(worldId);
    snapshot.changed = new Set();
    snapshot.worldWrites = worldWrites;
    const found = new Map((await read(snapshot.userId, ids)).map((item) => [item.conversation.id, item]));
    if (snapshot.dropped) return;
    for (const id of ids) put(snapshot, id, found.get(id));
    snapshot.reorder();
    trim();
  }

  /** Runs one reading of a snapshot; one that fails forgets it. */
  function reading(snapshot: Snapshot, work: (snapshot: Snapshot) => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      try {
        await work(snapshot);
      } catch (error) {
        drop(snapshot);
        throw error;
      } finally {
        snapshot.reading = undefined;
      }
    };
    snapshot.reading = run();
    return snapshot.reading;
  }

  /** The list of somebody who has asked before. */
  function snapshotOf(userId: bigint): Snapshot | undefined {
    const known = snapshots.get(userId);
    if (known !== undefined) {
      snapshots.delete(userId);
      snapshots.set(userId, known);
      return known;
    }
    const nowMs = clock();
    const again = nowMs - (askedMs.get(userId) ?? Number.NEGATIVE_INFINITY) < againMs;
    askedMs.delete(userId);
    askedMs.set(userId, nowMs);
    if (askedMs.size > askersMax) askedMs.delete(askedMs.keys().next().value ?? 0n);
    if (!again || large.has(userId)) return undefined;
    const made = new Snapshot(userId);
    snapshots.set(userId, made);
    return made;
  }

  return {
    async page(query) {
      const snapshot = snapshotOf(query.userId);
      if (snapshot === undefined) return undefined;
      // What others read began before this question, perhaps before what it must see.
      while (snapshot.reading !== undefined) await snapshot.reading;
      if (snapshot.dropped) return undefined;
      if (snapshot.items.size === 0) await reading(snapshot, load);
      else if (snapshot.changed.size > 0 || snapshot.worldWrites !== worldWrites) await reading(snapshot, repair);
      return snapshot.dropped ? undefined : snapshot.page(query);
    },
  };
}
