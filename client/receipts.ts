import { codeOf } from "./errors.ts";
import type { HttpRequest } from "./http.ts";

export interface Readers {
  readonly readers: readonly { readonly userId: string; readonly lastReadSeqId: number }[];
  readonly unreadUserIds: readonly string[];
}

/** How far others have read: single chats and groups that are no rooms. */
export interface Receipts {
  /** Read positions as far as they are known, by user id; the own one is not in it. */
  of(conversationId: string): ReadonlyMap<string, number>;
  /** Asks for all positions of a conversation, which later receipts then move on. Rooms have none: resolves, and `of` stays
   *  empty. Rejects with ClientError. */
  load(conversationId: string): Promise<void>;
  /** Who has read up to `seqId` and who has not, by the server's word. Rejects with OPERATION_NOT_SUPPORTED for rooms. */
  readersOf(conversationId: string, seqId: number): Promise<Readers>;
}

export interface ReceiptsStore extends Receipts {
  /** A `message-read` frame. Positions only move forward. */
  heard(conversationId: string, userId: string, seqId: number): void;
  clear(): void;
}

export interface ReceiptsDeps {
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly me: () => string | undefined;
  readonly onChange: (conversationId: string) => void;
}

/** Conversations whose positions are kept; the oldest is let go. */
const conversationsMax = 50;
const nobody: ReadonlyMap<string, number> = new Map();

export function createReceipts({ call, me, onChange }: ReceiptsDeps): ReceiptsStore {
  const known = new Map<string, Map<string, number>>();
  let generation = 0;

  const positions = (conversationId: string): Map<string, number> => {
    const there = known.get(conversationId) ?? new Map<string, number>();
    known.delete(conversationId);
    known.set(conversationId, there);
    const [oldest] = known.keys();
    if (known.size > conversationsMax && oldest !== undefined) known.delete(oldest);
    return there;
  };
  const note = (conversationId: string, read: Iterable<readonly [string, number]>): void => {
    const there = positions(conversationId);
    let moved = false;
    for (const [userId, seqId] of read) {
      if (userId === me() || seqId <= (there.get(userId) ?? -1)) continue;
      there.set(userId, seqId);
      moved = true;
    }
    if (moved) onChange(conversationId);
  };
  const readersOf = async (conversationId: string, seqId: number): Promise<Readers> => {
    const path = `/conversations/${encodeURIComponent(conversationId)}/reads`;
    const mine = generation;
    const answer = (await call({ method: "GET", path, query: { seqId } })) as Partial<Readers>;
    const { readers = [], unreadUserIds = [] } = answer;
    if (mine === generation)
      note(
        conversationId,
        readers.map((one) => [one.userId, one.lastReadSeqId] as const),
      );
    return { readers, unreadUserIds };
  };
  return {
    of: (conversationId) => known.get(conversationId) ?? nobody,
    readersOf,
    load: async (conversationId) => {
      try {
        await readersOf(conversationId, 0);
      } catch (error) {
        if (codeOf(error) !== "OPERATION_NOT_SUPPORTED") throw error;
      }
    },
    heard: (conversationId, userId, seqId) => note(conversationId, [[userId, seqId]]),
    clear: () => {
      generation++;
      known.clear();
    },
  };
}
