import type { RowBatch } from "./dialect.ts";

/** What the sockets of a fleet were shown of their one conversation each, in two numbers per socket: a large room cannot keep
 *  every row of every socket. Ids are compared once per distinct frame, since equal bytes are equal rows (G1, G2). */
export interface Positions {
  /** Rows up to `seq` are no part of the run. */
  start(socket: number, seq: number): void;
  take(socket: number, batch: RowBatch): void;
  /** One row known otherwise: a sender's own, by its ack. */
  fill(socket: number, seq: number): void;
  /** Announced as left out, both inclusive. */
  missed(socket: number, fromSeq: number, toSeq: number): void;
  /** Everything up to `seq` should have come by now. Answers how many rows are missing without an announcement. */
  lost(socket: number, seq: number): number;
  position(socket: number): number;
  /** Rows announced as left out, over all sockets. */
  readonly missedRows: number;
  /** Rows that came again; a repeat is no fault (G2: dropped by seq). */
  readonly repeats: number;
  /** Rows that came after a later one and filled a hole. */
  readonly late: number;
}

/** A socket with more open holes than this has lost them. */
export const holesMax = 10_000;

export function createPositions(sockets: number): Positions {
  const last = new Float64Array(sockets);
  const holes = new Map<number, Set<number>>();
  const lostEarly = new Map<number, number>();
  const count = { missedRows: 0, repeats: 0, late: 0 };

  function openHole(socket: number, seq: number): void {
    const open = holes.get(socket) ?? new Set<number>();
    holes.set(socket, open);
    if (open.size < holesMax) open.add(seq);
    else lostEarly.set(socket, (lostEarly.get(socket) ?? 0) + 1);
  }

  /** True when the row is new to the socket. */
  function shown(socket: number, seq: number): boolean {
    const at = last[socket] ?? 0;
    if (seq > at) {
      for (let hole = at + 1; hole < seq; hole += 1) openHole(socket, hole);
      last[socket] = seq;
      return true;
    }
    const open = holes.get(socket);
    if (open?.delete(seq) !== true) return false;
    if (open.size === 0) holes.delete(socket);
    count.late += 1;
    return true;
  }

  return {
    start(socket, seq) {
      last[socket] = seq;
      holes.delete(socket);
      lostEarly.delete(socket);
    },
    take(socket, { seqs, contiguous }) {
      if (contiguous && seqs[0] === (last[socket] ?? 0) + 1) {
        last[socket] = seqs.at(-1) ?? 0;
        return;
      }
      for (const seq of seqs) if (!shown(socket, seq)) count.repeats += 1;
    },
    fill: (socket, seq) => void shown(socket, seq),
    missed(socket, fromSeq, toSeq) {
      for (let seq = fromSeq; seq <= toSeq; seq += 1) if (shown(socket, seq)) count.missedRows += 1;
    },
    lost(socket, seq) {
      const never = Math.max(0, seq - (last[socket] ?? 0));
      return never + (holes.get(socket)?.size ?? 0) + (lostEarly.get(socket) ?? 0);
    },
    position: (socket) => last[socket] ?? 0,
    get missedRows() {
      return count.missedRows;
    },
    get repeats() {
      return count.repeats;
    },
    get late() {
      return count.late;
    },
  };
}
