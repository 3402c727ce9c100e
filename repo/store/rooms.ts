import { worldId } from "../context.ts";
import type { PageQuery } from "./message-page.ts";

/** Rows of a room that are read when many ask for it, and what they may take in memory. */
export const roomRowsMax = 300;
export const roomBytesMax = 1024 * 1024;
const roomsMax = 10_000;
/** A room of which more was asked for than is held within this, ms, is worth more. */
const warmMs = 10_000;

interface Room {
  askedMs: number;
  /** The last seq that was read. */
  head: bigint;
}

/** Conversations that were rooms when they were last read: many ask for their newest rows at the same time, as after a
 *  reconnect of all, each for what is above the last that it has. */
export interface Rooms {
  note(head: { readonly id: string; readonly isRoom: boolean; readonly lastSeqId: bigint }): void;
  /** To be asked once for each question that what is held does not answer: whether the newest rows of a room are to be
   *  read for all, because it is asked for again and they would answer. */
  isWanted(query: PageQuery): boolean;
}

/** `clock`: Unix ms. */
export function createRooms(clock: () => number): Rooms {
  const rooms = new Map<string, Room>([[worldId, { askedMs: Number.NEGATIVE_INFINITY, head: 0n }]]);
  return {
    note({ id, isRoom, lastSeqId }) {
      const room = rooms.get(id);
      if (!isRoom) rooms.delete(id);
      else if (room !== undefined) room.head = lastSeqId;
      else if (rooms.size < roomsMax) rooms.set(id, { askedMs: clock(), head: lastSeqId });
    },

    isWanted(query) {
      const room = rooms.get(query.conversationId);
      if (room === undefined) return false;
      const nowMs = clock();
      const isWarm = nowMs - room.askedMs < warmMs;
      room.askedMs = nowMs;
      return isWarm && mayAnswer(query, room.head);
    },
  };
}

/** Whether what is asked for is so near to the head that the newest rows could have it, and more than what is above it. */
function mayAnswer({ ascending, startSeq, endSeq }: PageQuery, head: bigint): boolean {
  const edge = head - BigInt(roomRowsMax);
  return ascending ? startSeq > edge && startSeq <= head : endSeq === 0n || endSeq > edge;
}
