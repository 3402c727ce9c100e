import type { Writes } from "../writes.ts";
import { isSameRange, type PageQuery } from "./message-page.ts";
import { extended, oldestOf, type Window, windowBytes } from "./message-window.ts";

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
}

/** A tail as it may be read. */
export interface Held {
  readonly window: Window;
  /** Whether something may have been stored above it: always, where other processes write too. */
  readonly behind: boolean;
  /** By members who have read it: the seq up to which rows are hidden from them. Another map as soon as anything may have
   *  changed, so whoever stands in it reads a tail that reaches the head. */
  readonly rights: ReadonlyMap<bigint, bigint>;
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
  /** Nothing was stored above a tail. */
  reached(conversationId: string, window: Window): void;
  /** A member and the head, which `held` reaches, were read from the database after `held` was found. Where other processes
   *  write it is not kept. */
  permit(conversationId: string, held: Held, member: Right): void;
  /** To be asked before rows are read that are to be kept. */
  reading(): Reading;
  /** Keeps rows that were read up to the head, unless more is known, or a name may have changed while they were read; and the
   *  right of `member`, read with them, unless anything was written since. */
  keep(conversationId: string, window: Window, reading: Reading, member?: Right): void;
  /** Adds rows above a tail; undefined where they do not follow it. */
  extend(conversationId: string, window: Window, more: Window): Window | undefined;
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

  /** What is being read for the map before is not kept: nobody looks there. */
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

  function allow(tail: Tail, { memberId, hiddenBefore }: Right): void {
    if (writes === undefined || tail.rights.size >= rightsMax || tail.rights.has(memberId)) return;
    tail.rights.set(memberId, hiddenBefore);
    bytes += rightBytes;
  }

  function put(conversationId: string, window: Window, readMs: number): Tail {
    forget(conversationId);
    const own = { bytes: windowBytes(window), behind: writes === undefined, rights: new Map() };
    const tail: Tail = { window, readMs, usedMs: clock(), answers: undefined, ...own };
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

    reached(conversationId, window) {
      const tail = tails.get(conversationId);
      if (tail?.window === window) tail.behind = writes === undefined;
    },

    permit(conversationId, held, member) {
      const tail = tails.get(conversationId);
      if (tail !== undefined && tail.rights === held.rights) allow(tail, member);
    },

    reading: () => ({ readMs: clock(), renames, writes: written }),

    keep(conversationId, window, { readMs, renames: before, writes: writtenBefore }, member) {
      if (before !== renames) return;
      const known = tails.get(conversationId);
      const fresh = known !== undefined && clock() - known.readMs < ageMaxMs;
      if (fresh && known.window.newest > window.newest) return;
      if (fresh && known.window.newest === window.newest && oldestOf(known.window) <= oldestOf(window)) return;
      const tail = put(conversationId, window, readMs);
      if (member !== undefined && writtenBefore === written) allow(tail, member);
    },

    extend(conversationId, window, more) {
      const whole = extended(window, more, Math.max(tailRowsMax, window.messages.length));
      const known = tails.get(conversationId);
      if (whole !== undefined && known?.window === window) {
        put(conversationId, whole, known.readMs);
      }
      return whole;
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
