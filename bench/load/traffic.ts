import { nowMs } from "./clock.ts";
import type { Ack, RowBatch, SeqRange } from "./dialect.ts";
import { createHistogram, record } from "./figures.ts";
import type { FleetEvents } from "./fleet.ts";
import { createPositions, type Positions } from "./positions.ts";

/** Where messages are sent: which socket writes into which conversation. */
export interface Route {
  readonly socket: number;
  readonly conversationId: string;
}

/** One message of the run. */
export interface Sent {
  readonly route: Route;
  readonly dueMs: number;
  /** By its ack; 0 and empty before. */
  seq: number;
  id: string;
}

/** What is counted while a fleet is driven. */
export interface Tally {
  sent: number;
  acked: number;
  refused: number;
  /** Rows shown to sockets. */
  deliveries: number;
  /** Messages shown to every watching socket. */
  completed: number;
  closed: number;
  failed: number;
  /** Distinct frames with rows, and the rows in them, whatever the number of sockets. */
  frames: number;
  rows: number;
  /** Of those frames' payloads. */
  frameBytes: number;
}

/** Frames with rows: when each came, ms, and how many rows it had. */
export type FrameTrain = readonly (readonly [atMs: number, rows: number])[];

/** Everything that a fleet sent and heard, while it runs. */
export interface Traffic extends FleetEvents {
  readonly tally: Tally;
  /** Since the last `cut`: from due to ack, and from due to a socket. */
  readonly interval: {
    readonly ack: ReturnType<typeof createHistogram>;
    readonly shown: ReturnType<typeof createHistogram>;
  };
  readonly total: {
    readonly ack: ReturnType<typeof createHistogram>;
    readonly shown: ReturnType<typeof createHistogram>;
  };
  readonly sends: readonly Sent[];
  readonly positions: Positions;
  /** Ids by conversation and seq, as frames showed them. */
  readonly shownIds: ReadonlyMap<string, ReadonlyMap<number, string>>;
  /** Two ids under one seq, or two acks of one send that differ. */
  readonly faults: string[];
  /** Which conversation a socket is checked for; `watching` sockets make a message complete. */
  watch(conversationOf: (socket: number) => string, watching: number): void;
  /** Begins every client_msg_id of this traffic. */
  readonly prefix: string;
  /** Messages that were sent and forgotten: the number of the first of `sends`. */
  readonly firstNumber: number;
  /** Called when a message is over, one way or another. */
  wake: () => void;
  /** Answers its number, which ends its client_msg_id. */
  add(sent: Sent): number;
  /** Empties the interval into the total. */
  cut(): void;
  /** Both empty. */
  restart(): void;
  /** Frames are noted here, on the clock of `nowMs`, while it is set. */
  train: (readonly [atMs: number, rows: number])[] | undefined;
  /** Forgets sends and ids, when they are checked; positions and figures stay. */
  clear(): void;
}

const slots = 1 << 16;

export function createTraffic(sockets: number): Traffic {
  const tally: Tally = {
    sent: 0,
    acked: 0,
    refused: 0,
    deliveries: 0,
    completed: 0,
    closed: 0,
    failed: 0,
    frames: 0,
    rows: 0,
    frameBytes: 0,
  };
  const interval = { ack: createHistogram(), shown: createHistogram() };
  const total = { ack: createHistogram(), shown: createHistogram() };
  const sends: Sent[] = [];
  const positions = createPositions(sockets);
  const shownIds = new Map<string, Map<number, string>>();
  const faults: string[] = [];
  const prefix = `b-${crypto.randomUUID().slice(0, 8)}-`;
  let firstNumber = 0;
  let conversationOf = (_: number): string => "world";
  let watching = sockets;
  /** How many sockets have seen a seq; the room of one conversation only. */
  let seen = new Int32Array(slots);

  function complete(seq: number): void {
    const at = seq & (slots - 1);
    const count = (seen[at] ?? 0) + 1;
    seen[at] = count === watching ? 0 : count;
    if (count === watching) tally.completed += 1;
  }

  const traffic: Traffic = {
    wake: () => undefined,
    train: undefined,
    tally,
    interval,
    total,
    sends,
    positions,
    shownIds,
    faults,
    prefix,
    watch(of, count) {
      conversationOf = of;
      watching = count;
      seen = new Int32Array(slots);
    },
    get firstNumber() {
      return firstNumber;
    },
    add: (sent) => firstNumber + sends.push(sent) - 1,
    fresh({ conversationId, seqs, ids }, bytes) {
      tally.frames += 1;
      tally.rows += seqs.length;
      tally.frameBytes += bytes;
      traffic.train?.push([nowMs(), seqs.length]);
      const known = shownIds.get(conversationId) ?? new Map<number, string>();
      shownIds.set(conversationId, known);
      for (const [index, seq] of seqs.entries()) {
        const id = ids[index] ?? "";
        const before = known.get(seq);
        if (before !== undefined && before !== id) faults.push(`${conversationId}: seq ${seq} is ${before} and ${id}`);
        known.set(seq, id);
      }
    },
    rows(socket, batch: RowBatch) {
      if (batch.conversationId !== conversationOf(socket)) return;
      const { seqs, dueMs } = batch;
      positions.take(socket, batch);
      const now = nowMs();
      const before = tally.completed;
      for (let index = 0; index < dueMs.length; index += 1) {
        const due = dueMs[index] ?? 0;
        if (due === 0) continue;
        tally.deliveries += 1;
        record(interval.shown, now - due);
        complete(seqs[index] ?? 0);
      }
      if (tally.completed !== before) traffic.wake();
    },
    missed(socket, { conversationId, fromSeq, toSeq }: SeqRange) {
      if (conversationId !== conversationOf(socket)) return;
      positions.missed(socket, fromSeq, toSeq);
      for (let seq = fromSeq; seq <= toSeq; seq += 1) complete(seq);
      traffic.wake();
    },
    ack(socket, ack: Ack) {
      const sent = sends[Number(ack.clientMsgId.slice(prefix.length)) - firstNumber];
      if (sent === undefined || !ack.clientMsgId.startsWith(prefix)) return;
      if (!ack.success) {
        tally.failed += 1;
        traffic.wake();
        return;
      }
      if (sent.seq !== 0) {
        if (sent.id !== ack.messageId || sent.seq !== ack.seqId)
          faults.push(`${ack.clientMsgId} was acked twice, with other ids`);
        return;
      }
      sent.seq = ack.seqId;
      sent.id = ack.messageId;
      tally.acked += 1;
      record(interval.ack, nowMs() - sent.dueMs);
      if (conversationOf(socket) === sent.route.conversationId && sent.route.conversationId !== "world")
        positions.fill(socket, ack.seqId);
      traffic.wake();
    },
    synced: () => undefined,
    error: () => {
      tally.refused += 1;
      traffic.wake();
    },
    closed: () => {
      tally.closed += 1;
    },
    cut() {
      for (const name of ["ack", "shown"] as const) {
        total[name].add(interval[name]);
        interval[name].reset();
      }
    },
    restart() {
      for (const name of ["ack", "shown"] as const) {
        total[name].reset();
        interval[name].reset();
      }
    },
    clear() {
      firstNumber += sends.length;
      sends.length = 0;
      shownIds.clear();
    },
  };
  return traffic;
}
