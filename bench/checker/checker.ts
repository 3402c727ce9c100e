/**
 * The checker of the guarantees: a record of what clients sent, were told and were shown, and the verdict over it.
 * G1 acked = kept, G2 one order, G3 one message (docs/architecture.md). Memory grows with what is recorded: runs are bounded.
 */

/** What a client sent and what it was told. */
export interface SendRecord {
  readonly conversationId: string;
  readonly senderId: string;
  readonly clientMsgId: string;
}

export interface AckRecord extends SendRecord {
  readonly messageId: string;
  readonly seqId: number;
}

export interface RowRecord {
  readonly id: string;
  readonly seqId: number;
  readonly senderId: string;
  readonly clientMsgId: string;
  /** The content, where the run compares it. */
  readonly content?: string;
}

export type Rule = "G1 acked = kept" | "G2 one order" | "G3 one message";

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}

export interface Verdict {
  readonly sent: number;
  readonly acked: number;
  /** Acked but not in the history, in the history under other ids, or never shown to a device that was there. */
  readonly lost: number;
  /** Stored or shown twice. */
  readonly duplicated: number;
  /** A seq out of order, a hole in the history, or a history that changed. */
  readonly reordered: number;
  /** Left out on purpose and announced. */
  readonly missed: number;
  /** The first `violationsMax` of them. */
  readonly violations: readonly Violation[];
}

export const violationsMax = 50;

export interface Checker {
  sent(record: SendRecord): void;
  /** Every final `success` ack, repeats included. */
  acked(record: AckRecord): void;
  /** A complete history of a conversation, ascending, as one client read it. May be given several times as it grows. */
  history(conversationId: string, rows: readonly RowRecord[]): void;
  /** What a device was shown in a conversation; seqs in the order of arrival. `base` is the seq up to which it has the
   *  history already: rows above it that it lacks are holes. Without one the first row shown is the base. */
  device(name: string, conversationId: string, base?: number): DeviceRecord;
  verdict(): Verdict;
}

/** The pushes of one connection in one conversation. */
export interface DeviceRecord {
  /** A row came. Repeats of a seq count as duplicates only when the row differs. */
  shown(seqId: number, messageId: string): void;
  /** Announced as left out, both ends inclusive. */
  missed(fromSeq: number, toSeq: number): void;
  /** Everything from `fromSeq` to `toSeq` should have come by now. */
  expect(fromSeq: number, toSeq: number): void;
}

interface Device {
  name: string;
  conversationId: string;
  shown: Map<number, string>;
  /** The newest seq shown; undefined before the base is known. */
  last: number | undefined;
  holes: Set<number>;
  missed: [number, number][];
  expected: [number, number][];
}

export function createChecker(): Checker {
  const sends: SendRecord[] = [];
  const acks = new Map<string, AckRecord>();
  const histories = new Map<string, readonly RowRecord[]>();
  const devices: Device[] = [];
  const found = { lost: 0, duplicated: 0, reordered: 0, missed: 0 };
  const violations: Violation[] = [];
  const violate = (kind: "lost" | "duplicated" | "reordered", rule: Rule, detail: string): void => {
    found[kind] += 1;
    if (violations.length < violationsMax) violations.push({ rule, detail });
  };
  const keyOf = (record: SendRecord): string =>
    JSON.stringify([record.conversationId, record.senderId, record.clientMsgId]);

  return {
    sent: (record) => void sends.push(record),
    acked(record) {
      const key = keyOf(record);
      const first = acks.get(key);
      if (first === undefined) acks.set(key, record);
      else if (first.messageId !== record.messageId || first.seqId !== record.seqId)
        violate("duplicated", "G3 one message", `${key} was acked as ${label(first)} and as ${label(record)}`);
    },
    history(conversationId, rows) {
      const earlier = histories.get(conversationId) ?? [];
      for (const [index, row] of earlier.entries())
        if (rows[index]?.id !== row.id)
          violate("reordered", "G2 one order", `${conversationId}: row ${row.seqId} changed or vanished`);
      histories.set(conversationId, rows);
    },
    device(name, conversationId, base) {
      const device: Device = {
        name,
        conversationId,
        shown: new Map(),
        last: base,
        holes: new Set(),
        missed: [],
        expected: [],
      };
      devices.push(device);
      return deviceRecord(device, violate);
    },
    verdict() {
      for (const [conversationId, rows] of histories) checkHistory(conversationId, rows, violate);
      checkAcks(acks.values(), histories, violate);
      for (const device of devices) found.missed += checkDevice(device, histories.get(device.conversationId), violate);
      return { sent: sends.length, acked: acks.size, ...found, violations };
    },
  };
}

type Violate = (kind: "lost" | "duplicated" | "reordered", rule: Rule, detail: string) => void;

const label = (row: { messageId: string; seqId: number }): string => `${row.messageId} (seq ${row.seqId})`;

function deviceRecord(device: Device, violate: Violate): DeviceRecord {
  return {
    shown(seqId, messageId) {
      const known = device.shown.get(seqId);
      if (known !== undefined) {
        if (known !== messageId)
          violate("duplicated", "G3 one message", `${device.name}: seq ${seqId} is ${known} and ${messageId}`);
        return;
      }
      device.shown.set(seqId, messageId);
      if (device.last === undefined || seqId === device.last + 1) device.last = seqId;
      else if (seqId > device.last) {
        for (let seq = device.last + 1; seq < seqId; seq += 1) device.holes.add(seq);
        device.last = seqId;
      } else if (!device.holes.delete(seqId))
        violate("reordered", "G2 one order", `${device.name}: seq ${seqId} came after ${device.last}`);
    },
    missed: (fromSeq, toSeq) => void device.missed.push([fromSeq, toSeq]),
    expect: (fromSeq, toSeq) => void device.expected.push([fromSeq, toSeq]),
  };
}

function checkHistory(conversationId: string, rows: readonly RowRecord[], violate: Violate): void {
  const messages = new Map<string, number>();
  for (const [index, row] of rows.entries()) {
    const expected = (rows[0]?.seqId ?? 1) + index;
    if (row.seqId !== expected)
      violate("reordered", "G2 one order", `${conversationId}: seq ${row.seqId} where ${expected} should be`);
    if (row.clientMsgId === "") continue;
    const key = JSON.stringify([row.senderId, row.clientMsgId]);
    const other = messages.get(key);
    if (other !== undefined)
      violate("duplicated", "G3 one message", `${conversationId}: ${key} is stored as seq ${other} and ${row.seqId}`);
    messages.set(key, row.seqId);
  }
}

function checkAcks(
  acks: Iterable<AckRecord>,
  histories: ReadonlyMap<string, readonly RowRecord[]>,
  violate: Violate,
): void {
  for (const ack of acks) {
    const rows = histories.get(ack.conversationId);
    if (rows === undefined) continue;
    const row = rows[ack.seqId - (rows[0]?.seqId ?? 1)];
    if (row === undefined || row.id !== ack.messageId || row.clientMsgId !== ack.clientMsgId)
      violate("lost", "G1 acked = kept", `${ack.clientMsgId} was acked as ${label(ack)} and is not there`);
  }
}

/** Answers how many rows were announced as left out. */
function checkDevice(device: Device, rows: readonly RowRecord[] | undefined, violate: Violate): number {
  const announced = new Set<number>();
  for (const [from, to] of device.missed) for (let seq = from; seq <= to; seq += 1) announced.add(seq);
  for (const [from, to] of device.expected)
    for (let seq = from; seq <= to; seq += 1)
      if (!device.shown.has(seq) && !announced.has(seq))
        violate("lost", "G1 acked = kept", `${device.name} was never shown seq ${seq} of ${device.conversationId}`);
  if (rows === undefined) return announced.size;
  const first = rows[0]?.seqId ?? 1;
  for (const [seq, id] of device.shown) {
    const row = rows[seq - first];
    if (row !== undefined && row.id !== id)
      violate("reordered", "G2 one order", `${device.name} was shown ${id} as seq ${seq}, the history has ${row.id}`);
  }
  return announced.size;
}
