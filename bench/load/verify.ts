import type { Sent, Traffic } from "./traffic.ts";

/** What the checker says of a run (G1 acked = kept, G2 one order, G3 one message). */
export interface Verdict {
  /** Acked and not in the history as acked, sent and never answered, or never shown to a socket that was there. */
  lost: number;
  /** Stored or shown twice. */
  duplicated: number;
  /** A hole in the history, or a row that was shown under another id. */
  reordered: number;
  /** Left out on purpose, and announced. */
  missed: number;
  /** The first of them. */
  violations: string[];
}

export interface HistoryRow {
  readonly id: string;
  readonly seqId: number;
  readonly clientMsgId?: string;
}

const violationsMax = 20;
const pageRows = 100;

export const noFaults = (): Verdict => ({ lost: 0, duplicated: 0, reordered: 0, missed: 0, violations: [] });

/** Sums verdicts. */
export function joinVerdicts(all: readonly Verdict[]): Verdict {
  const sum = noFaults();
  for (const one of all) {
    for (const key of ["lost", "duplicated", "reordered", "missed"] as const) sum[key] += one[key];
    sum.violations.push(...one.violations.slice(0, violationsMax - sum.violations.length));
  }
  return sum;
}

/** Compares one conversation: its rows above the start of the run, what was sent into it and acked, what was shown. */
export function verifyConversation(
  conversationId: string,
  rows: readonly HistoryRow[],
  sends: readonly Sent[],
  { prefix, shownIds, firstNumber }: Pick<Traffic, "prefix" | "shownIds" | "firstNumber">,
): Verdict {
  const verdict = noFaults();
  const fault = (kind: "lost" | "duplicated" | "reordered", text: string): void => {
    verdict[kind] += 1;
    if (verdict.violations.length < violationsMax) verdict.violations.push(`${conversationId}: ${text}`);
  };
  const first = rows[0]?.seqId ?? 1;
  const stored = new Set<string>();
  const shown = shownIds.get(conversationId);
  for (const [index, row] of rows.entries()) {
    if (row.seqId !== first + index) fault("reordered", `seq ${row.seqId} where ${first + index} should be`);
    const id = shown?.get(row.seqId);
    if (id !== undefined && id !== row.id) fault("reordered", `seq ${row.seqId} was shown as ${id} and is ${row.id}`);
    if (row.clientMsgId?.startsWith(prefix) !== true) continue;
    if (stored.has(row.clientMsgId)) fault("duplicated", `${row.clientMsgId} is stored twice`);
    stored.add(row.clientMsgId);
  }
  for (const [index, sent] of sends.entries()) {
    if (sent.route.conversationId !== conversationId) continue;
    const row = rows[sent.seq - first];
    if (sent.id === "") fault("lost", `message ${index} was never answered`);
    else if (row?.id !== sent.id || row.clientMsgId !== `${prefix}${firstNumber + index}`)
      fault("lost", `message ${index} was acked as ${sent.id} (seq ${sent.seq}) and is not there`);
  }
  return verdict;
}

/** Rows that sockets were never shown, of those that should have come up to `lastSeq`. */
export function verifySockets(
  { positions, faults }: Traffic,
  sockets: readonly number[],
  lastSeqOf: (socket: number) => number,
): Verdict {
  const verdict = noFaults();
  for (const socket of sockets) {
    const lost = positions.lost(socket, lastSeqOf(socket));
    verdict.lost += lost;
    if (lost > 0 && verdict.violations.length < violationsMax)
      verdict.violations.push(`socket ${socket} was never shown ${lost} rows up to seq ${lastSeqOf(socket)}`);
  }
  verdict.missed = positions.missedRows;
  verdict.duplicated = faults.length;
  verdict.violations.push(...faults.slice(0, violationsMax - verdict.violations.length));
  return verdict;
}

/** Rows above `afterSeq`, ascending, as a member reads them. */
export async function readHistory(
  url: string,
  token: string,
  conversationId: string,
  afterSeq: number,
): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = [];
  for (;;) {
    const after = rows.at(-1)?.seqId ?? afterSeq;
    const { messages, hasMore } = await page(url, token, conversationId, `after_seq=${after}&limit=${pageRows}`);
    for (const { id, seqId, clientMsgId } of messages)
      rows.push(clientMsgId === undefined ? { id, seqId } : { id, seqId, clientMsgId });
    if (!hasMore || messages.length === 0) return rows;
  }
}

/** The newest seq of a conversation: a server that was there before has a history of its own. */
export async function latestSeq(url: string, token: string, conversationId: string): Promise<number> {
  return (await page(url, token, conversationId, "limit=1")).latestSeqId;
}

interface Page {
  readonly messages: readonly HistoryRow[];
  readonly hasMore: boolean;
  readonly latestSeqId: number;
}

async function page(url: string, token: string, conversationId: string, query: string): Promise<Page> {
  const answer = await fetch(`${url}/api/conversations/${conversationId}/messages?${query}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  if (!answer.ok) throw new Error(`the history answered ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { data: Page }).data;
}
