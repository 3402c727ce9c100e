import { connectWs, type WsConnection } from "./load/ws-connection.ts";

/** One row as a frame showed it. */
export interface Shown {
  readonly seqId: number;
  readonly id: string;
  readonly clientMsgId: string;
  /** When the message should have been sent, ms of this process's clock; 0 when it is not of this run. */
  readonly dueMs: number;
}

export interface Ack {
  readonly clientMsgId: string;
  readonly messageId: string;
  readonly seqId: number;
  readonly status: string;
  readonly code: string;
}

export interface ClientEvents {
  rows(client: number, rows: readonly Shown[]): void;
  missed(client: number, fromSeq: number, toSeq: number): void;
  ack(client: number, ack: Ack): void;
  refused(client: number, code: string): void;
  closed(client: number, code: number): void;
}

export interface Guest {
  readonly token: string;
  readonly userId: string;
}

type Parsed =
  | { kind: "rows"; rows: readonly Shown[]; missed: { fromSeq: number; toSeq: number } | undefined }
  | { kind: "missed"; fromSeq: number; toSeq: number }
  | { kind: "ack"; ack: Ack }
  | { kind: "connected" }
  | { kind: "error"; code: string }
  | { kind: "other" };

/** How many frames are remembered: a room's frame comes once per socket, so its text is parsed once, then compared. */
const rememberedMax = 64;

/** Signs guests in, `atOnce` at a time. */
export async function signInGuests(url: string, count: number, atOnce = 32): Promise<Guest[]> {
  const guests: Guest[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      const answer = await fetch(`${url}/api/auth/guest`, { method: "POST" });
      if (answer.status !== 201) throw new Error(`guest sign-in answered ${answer.status}: ${await answer.text()}`);
      const { data } = (await answer.json()) as { data: { accessToken: string; user: { id: string } } };
      guests.push({ token: data.accessToken, userId: data.user.id });
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return guests;
}

/** Opens one socket per guest, spread over the gateways, and resolves when all have had `connected`. */
export async function connectGuests(
  urls: readonly string[],
  guests: readonly Guest[],
  events: ClientEvents,
  atOnce = 64,
): Promise<WsConnection[]> {
  const gateways = urls.map((url) => new URL(url));
  const connections: WsConnection[] = new Array(guests.length);
  const parse = createFrameMemory();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < guests.length) {
      const index = next;
      next += 1;
      const connected = Promise.withResolvers<void>();
      const gateway = gateways[index % gateways.length];
      const target = {
        host: gateway?.hostname ?? "",
        port: Number(gateway?.port),
        path: "/ws?v=1&platform=bot",
        headers: { Authorization: `Bearer ${guests[index]?.token}` },
      };
      connections[index] = await connectWs(target, {
        message: (payload) => dispatch(index, parse(payload), events, connected.resolve),
        closed: (code) => {
          connected.reject(new Error(`closed with ${code} before connected`));
          events.closed(index, code);
        },
      });
      await connected.promise;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, guests.length) }, worker));
  return connections;
}

function dispatch(index: number, frame: Parsed, events: ClientEvents, connected: () => void): void {
  if (frame.kind === "rows") {
    events.rows(index, frame.rows);
    if (frame.missed !== undefined) events.missed(index, frame.missed.fromSeq, frame.missed.toSeq);
  } else if (frame.kind === "missed") events.missed(index, frame.fromSeq, frame.toSeq);
  else if (frame.kind === "ack") events.ack(index, frame.ack);
  else if (frame.kind === "error") events.refused(index, frame.code);
  else if (frame.kind === "connected") connected();
}

function createFrameMemory(): (payload: Buffer) => Parsed {
  const remembered: { bytes: Buffer; parsed: Parsed }[] = [];
  let at = 0;
  return (payload) => {
    for (const entry of remembered) if (entry.bytes.equals(payload)) return entry.parsed;
    const parsed = parseFrame(payload.toString());
    if (parsed.kind !== "rows") return parsed;
    remembered[at] = { bytes: Buffer.from(payload), parsed };
    at = (at + 1) % rememberedMax;
    return parsed;
  };
}

interface Row {
  id: string;
  seqId: number;
  clientMsgId?: string;
  content: string;
}

function parseFrame(text: string): Parsed {
  const { type, data } = JSON.parse(text) as { type: string; data: Record<string, unknown> };
  switch (type) {
    case "new-message":
      return { kind: "rows", rows: [shown(data as unknown as Row)], missed: undefined };
    case "new-messages": {
      const joined = data as unknown as { messages: Row[]; missed?: { fromSeq: number; toSeq: number } };
      return { kind: "rows", rows: joined.messages.map(shown), missed: joined.missed };
    }
    case "missed":
      return { kind: "missed", fromSeq: Number(data.fromSeq), toSeq: Number(data.toSeq) };
    case "message-ack":
      return {
        kind: "ack",
        ack: {
          clientMsgId: String(data.client_msg_id),
          messageId: String(data.messageId),
          seqId: Number(data.seqId),
          status: String(data.status),
          code: String(data.code ?? ""),
        },
      };
    case "connected":
      return { kind: "connected" };
    case "error":
      return { kind: "error", code: String(data.code) };
    default:
      return { kind: "other" };
  }
}

function shown(row: Row): Shown {
  return { seqId: row.seqId, id: row.id, clientMsgId: row.clientMsgId ?? "", dueMs: dueOf(row.content) };
}

/** A content of `size` bytes that says when it was due. */
export function benchContent(dueMs: number, size: number): string {
  return `due ${dueMs.toFixed(3)} `.padEnd(size, "x");
}

function dueOf(content: string): number {
  return content.startsWith("due ") ? Number(content.slice(4, content.indexOf(" ", 4))) : 0;
}
