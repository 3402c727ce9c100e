import type { Writes } from "../writes.ts";
import { isSameRange, type PageQuery } from "./message-page.ts";
import { newestOf, oldestOf, type Window, windowBytes } from "./message-window.ts";

/** Rows of one conversation that are held; bytes of all, by estimate, the texts that others make of the rows included. */
const tailRowsMax = 100;
const bytesMax = 64 * 1024 * 1024;
/** A tail is read anew after this, ms: names and pictures of senders have no seq. */
const ageMaxMs = 30_000;
/** The order of last use is kept by this, ms. */
const useMs = 1000;
/** Members of one conversation whose right to read it is known, and what each takes. */
const rightsMax = 200;
const rightBytes = 64;

interface Tail extends Held {
  readonly readMs: number;
  usedMs: number;
  /** The question that its rows were last known to answer. */
  answers: PageQuery | undefined;
  /** Of its rows. */
  readonly bytes: number;
  behind: boolean;
  rights: Map<bigint, bigint>;
  provedMs: number;
}

/** A tail as it may be read. */
export interface Held {
  readonly window: Window;
  /** Whether something may have been stored above it: always, where other processes write too. */
  readonly behind: boolean;
  /** By members who have read it: the seq up to which rows are hidden from them. Empty as soon as anything may have changed, so
   *  whoever stands in it reads a tail that reaches the head. */
  readonly rights: ReadonlyMap<bigint, bigint>;
  /** When the database was last asked for what is above it, Unix ms. */
  readonly provedMs: number;
}

/** Rows of a conversation up to `hiddenBefore` are hidden from a member. */
export interface Right {
  readonly memberId: bigint;
  readonly hiddenBefore: bigint;
}

/** When rows began to be read. */
export interface Reading {
  readonly readMs: number;
  /** How often a name may have changed until then, and how often anything was written. */
  readonly renames: number;
  readonly writes: number;
}

/** The newest rows of conversations that somebody has read lately, so that a page is read by its head and the right to it
 *  alone. Whoever uses a tail reads in the same statement what was stored above it; what changes a row has a seq, so
 *  without a change in there the tail holds every row as it is. Where this process alone writes, the rights of its readers are
 *  held too, until a write may have changed them: then nothing is read. */
export interface Tails {
  /** The tail that holds what is asked for, whatever was stored since. */
  find(query: PageQuery): Held | undefined;
  /** To be asked before rows are read that are to be kept, and before a head or a right. */
  reading(): Reading;
  /** A head that the rows of a tail reach was read, and with it the right of `member`, which is kept unless anything was
   *  written since; nor is it kept where other processes write. */
  reached(conversationId: string, window: Window, reading: Reading, member: Right | undefined): void;
  /** Keeps rows that were read up to the head, unless more is known, or a name may have changed while they were read; and the
   *  right of `member`, as `reached`. */
  keep(conversationId: string, window: Window, reading: Reading, member: Right | undefined): void;
  /** Keeps the newest rows of what a tail became with the rows that were stored above it, and a right as `reached`. */
  raise(conversationId: string, window: Window, raised: Window, reading: Reading, member: Right | undefined): void;
  forget(conversationId: string): void;
}

/** `clock`: Unix ms. */
export function createTails(clock: () => number, writes: Writes | undefined): Tails {
  // In the order of their last use.
  const tails = new Map<string, Tail>();
  let bytes = 0;
  let renames = 0;
  let written = 0;
  writes?.watch(({ all, conversations, members }) => {
    written += 1;
    // Perhaps a name of a sender.
    if (all) {
      renames += 1;
      for (const id of [...tails.keys()]) forget(id);
    }
    for (const id of conversations) {
      const tail = tails.get(id);
      if (tail === undefined) continue;
      tail.behind = true;
      forgetRights(tail);
    }
    for (const [, id] of members) {
      const tail = tails.get(id);
      if (tail !== undefined) forgetRights(tail);
    }
  });

  function forgetRights(tail: Tail): void {
    bytes -= tail.rights.size * rightBytes;
    tail.rights = new Map();
  }

  function forget(conversationId: string): void {
    const tail = tails.get(conversationId);
    if (tail === undefined) return;
    tails.delete(conversationId);
    bytes -= tail.bytes + tail.rights.size * rightBytes;
  }

  /** What was read before a write may be wrong after it. */
  function allow(tail: Tail, { writes: before }: Reading, member: Right | undefined): void {
    if (writes === undefined || member === undefined || before !== written) return;
    if (tail.rights.size >= rightsMax || tail.rights.has(member.memberId)) return;
    tail.rights.set(member.memberId, member.hiddenBefore);
    bytes += rightBytes;
  }

  function put(conversationId: string, window: Window, readMs: number): Tail {
    forget(conversationId);
    const own = { bytes: windowBytes(window), behind: writes === undefined, rights: new Map() };
    const nowMs = clock();
    const tail: Tail = { window, readMs, usedMs: nowMs, provedMs: nowMs, answers: undefined, ...own };
    tails.set(conversationId, tail);
    bytes += tail.bytes;
    for (const oldest of tails.keys()) {
      if (bytes <= bytesMax) break;
      forget(oldest);
    }
    return tail;
  }

  return {
    find(query) {
      const tail = tails.get(query.conversationId);
      const nowMs = clock();
      if (tail === undefined || nowMs - tail.readMs >= ageMaxMs) return undefined;
      if (tail.answers === undefined || !isSameRange(tail.answers, query)) {
        if (!holds(tail.window, query)) return undefined;
        tail.answers = query;
      }
      if (nowMs - tail.usedMs >= useMs) {
        tail.usedMs = nowMs;
        tails.delete(query.conversationId);
        tails.set(query.conversationId, tail);
      }
      return tail;
    },

    reading: () => ({ readMs: clock(), renames, writes: written }),

    reached(conversationId, window, reading, member) {
      const tail = tails.get(conversationId);
      if (tail?.window !== window) return;
      tail.provedMs = clock();
      if (reading.writes === written) tail.behind = writes === undefined;
      allow(tail, reading, member);
    },

    keep(conversationId, window, reading, member) {
      if (reading.renames !== renames) return;
      const known = tails.get(conversationId);
      const fresh = known !== undefined && clock() - known.readMs < ageMaxMs;
      if (fresh && known.window.newest > window.newest) return;
      if (fresh && known.window.newest === window.newest && oldestOf(known.window) <= oldestOf(window)) return;
      allow(put(conversationId, window, reading.readMs), reading, member);
    },

    raise(conversationId, window, raised, reading, member) {
      const known = tails.get(conversationId);
      if (known?.window !== window) return;
      const newest = newestOf(raised, Math.max(tailRowsMax, window.messages.length));
      allow(put(conversationId, newest, known.readMs), reading, member);
    },

    forget,
  };
}

/** Whether a tail reaches down to all that is asked for, if nothing was stored above it: more there needs less of it. */
function holds(window: Window, { ascending, startSeq, endSeq, limit }: PageQuery): boolean {
  const oldest = oldestOf(window);
  if (oldest <= 1n || startSeq >= oldest) return true;
  if (ascending) return false;
  const to = endSeq === 0n || endSeq > window.newest ? window.newest : endSeq;
  return to - BigInt(limit) + 1n >= oldest;
}
