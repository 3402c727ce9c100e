import type { Checker, DeviceRecord } from "../../bench/checker/checker.ts";
import { type Account, createApi } from "./api.ts";

/**
 * A person who talks without pause and tells the checker everything: sends over the socket, and every fourth message
 * over HTTP; what is unanswered is sent again with the same `client_msg_id` after each reconnect, as spec 20 §6 asks.
 * Shares no code with the SDK.
 */
export interface Talker {
  /** Messages acked so far. */
  readonly acked: number;
  /** Lost connections. */
  readonly losses: number;
  /** How often each code came with a send that stays open: `error` frames, 503 and 504. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Codes of final refusals: `failed` acks and other HTTP errors. Each of these sends stays open as well. */
  readonly failures: readonly string[];
  /** Connects, resends what is open, goes on talking. */
  start(): void;
  /** Resolves once the lost connection has been noticed and no request is under way. */
  paused(): Promise<void>;
  /** Stops making new messages and resolves when every one is acked. */
  finish(): Promise<void>;
  /** Fetches what is missing, by `sync` frames. */
  sync(): Promise<void>;
  complete(lastSeqs: ReadonlyMap<string, number>): boolean;
  /** Tells the checker that everything up to these seqs should have been shown. */
  expectAll(lastSeqs: ReadonlyMap<string, number>): void;
  close(): void;
}

interface Options {
  /** Gateways: each connection that is lost is followed by one to the next. */
  readonly urls: readonly string[];
  readonly person: Account;
  readonly rooms: readonly string[];
  readonly checker: Checker;
  readonly random: () => number;
  /** Between two new messages, ms. Without it a new one follows each ack. */
  readonly everyMs?: number;
  /** Reconnects by itself and asks for what it missed. */
  readonly reconnects?: boolean;
}

interface Open {
  readonly conversationId: string;
  readonly clientMsgId: string;
  readonly content: string;
  readonly byHttp: boolean;
}

/** Messages without an ack at any time. */
const openMax = 12;
const resendMs = 3000;
/** Until the next attempt to connect; up to twice that. */
const reconnectMs = 250;
/** Until a refused `sync` is asked for again: another one was in flight. */
const syncAgainMs = 200;
const finishMs = 60_000;
const waitMs = 20_000;

interface Room {
  device: DeviceRecord;
  seen: Set<number>;
}

interface Row {
  id: string;
  seqId: number;
}

export function createTalker(options: Options): Talker {
  const { person, checker, random } = options;
  const rooms = new Map<string, Room>();
  for (const room of options.rooms)
    rooms.set(room, { device: checker.device(`${person.username} in ${room}`, room, 0), seen: new Set() });
  const open = new Map<string, Open>();
  const calls = new Set<Promise<void>>();
  let socket: WebSocket | undefined;
  let gone = Promise.withResolvers<void>();
  let talking = false;
  let live = false;
  let connections = 0;
  let losses = 0;
  let acks = 0;
  let made = 0;
  const refusals = new Map<string, number>();
  const failures: string[] = [];
  const url = (): string => options.urls[connections % options.urls.length] ?? "";
  const refused = (code: string): void => void refusals.set(code, (refusals.get(code) ?? 0) + 1);
  let synced: (() => void) | undefined;

  const shown = (conversationId: string, rows: readonly Row[]): void => {
    const room = rooms.get(conversationId);
    for (const row of rows) {
      room?.device.shown(row.seqId, row.id);
      room?.seen.add(row.seqId);
    }
  };
  const acked = (message: Open, messageId: string, seqId: number): void => {
    const { conversationId, clientMsgId } = message;
    checker.acked({ conversationId, clientMsgId, senderId: person.userId, messageId, seqId });
    shown(conversationId, [{ id: messageId, seqId }]);
    if (open.delete(clientMsgId)) acks += 1;
    if (options.everyMs === undefined) talk();
  };
  const post = async (message: Open): Promise<void> => {
    const body = { messageType: 1, content: message.content, client_msg_id: message.clientMsgId };
    try {
      const path = `/conversations/${message.conversationId}/messages`;
      const { status, data, code } = await createApi(url()).call<Row>("POST", path, body, person.accessToken);
      if (status === 201 || status === 200) acked(message, data.id, data.seqId);
      // 503 and 504 leave the outcome open: the message stays and is sent again.
      else if (status === 503 || status === 504) refused(code ?? String(status));
      else failures.push(`${status} ${code}`);
    } catch {
      // The server is gone: the outcome is open.
    }
  };
  const transmit = (message: Open): void => {
    if (message.byHttp) {
      const call: Promise<void> = post(message).finally(() => calls.delete(call));
      calls.add(call);
      return;
    }
    const { conversationId, content, clientMsgId } = message;
    const data = { conversationId, content, messageType: 1, client_msg_id: clientMsgId };
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "send-message", data }));
  };
  const talk = (atOnce = openMax): void => {
    for (let n = 0; n < atOnce; n += 1) {
      if (!talking || socket?.readyState !== WebSocket.OPEN || open.size >= openMax) return;
      made += 1;
      const conversationId = options.rooms[Math.floor(random() * options.rooms.length)] ?? "world";
      const clientMsgId = `${person.username}-${made}`;
      const message: Open = { conversationId, clientMsgId, content: `message ${made}`, byHttp: made % 4 === 0 };
      open.set(clientMsgId, message);
      checker.sent({ conversationId, clientMsgId, senderId: person.userId });
      transmit(message);
    }
  };
  const onFrame = (text: string): void => {
    const { type, data, id } = JSON.parse(text) as { type: string; data: Record<string, unknown>; id?: string };
    if (type === "connected") {
      for (const message of [...open.values()]) transmit(message);
      if (losses > 0 && options.reconnects === true) askMissed();
      if (options.everyMs === undefined) talk();
    } else if (type === "new-message") {
      const row = data as unknown as Row & { conversationId: string };
      shown(row.conversationId, [row]);
    } else if (type === "new-messages") shown(String(data.conversationId), data.messages as Row[]);
    else if (type === "message-ack" && data.status === "success") {
      const message = open.get(String(data.client_msg_id));
      if (message !== undefined) acked(message, String(data.messageId), Number(data.seqId));
    } else if (type === "message-ack") failures.push(String(data.code));
    else if (type === "error" && id === "sync") setTimeout(askMissed, syncAgainMs);
    else if (type === "error") refused(String(data.code));
    else if (type === "resync") askMissed();
    else if (type === "sync-result") {
      for (const one of data.conversations as { id: string; messages: Row[] }[]) shown(one.id, one.messages);
      synced?.();
    }
  };
  const askMissed = (): void => {
    const conversations = options.rooms.map((id) => ({ id, afterSeq: contiguous(rooms.get(id)?.seen) }));
    if (socket?.readyState === WebSocket.OPEN)
      socket.send(JSON.stringify({ type: "sync", id: "sync", data: { conversations, limit: 100 } }));
  };
  const resend = setInterval(() => {
    if (socket?.readyState === WebSocket.OPEN) for (const message of [...open.values()]) transmit(message);
  }, resendMs);
  const pace = options.everyMs === undefined ? undefined : setInterval(() => talk(1), options.everyMs);

  const connect = (): void => {
    gone = Promise.withResolvers<void>();
    const target = `${url().replace("http", "ws")}/ws?v=1&token=${person.accessToken}`;
    const connection = new WebSocket(target);
    socket = connection;
    connection.onmessage = (event) => onFrame(String(event.data));
    connection.onclose = () => {
      gone.resolve();
      if (!live || options.reconnects !== true) return;
      losses += 1;
      connections += 1;
      setTimeout(() => live && connect(), reconnectMs * (1 + random()));
    };
  };

  return {
    get acked() {
      return acks;
    },
    get losses() {
      return losses;
    },
    refusals,
    failures,
    start() {
      talking = true;
      live = true;
      connect();
    },
    async paused() {
      await within(waitMs, "the lost connection to be noticed", gone.promise);
      await Promise.all(calls);
    },
    async finish() {
      talking = false;
      const deadline = Date.now() + finishMs;
      while (open.size > 0) {
        if (Date.now() > deadline) throw new Error(`${person.username}: ${open.size} sends without an ack`);
        await Bun.sleep(10);
      }
    },
    async sync() {
      const answered = new Promise<void>((resolve) => {
        synced = resolve;
      });
      askMissed();
      await within(waitMs, "sync-result", answered);
    },
    complete: (lastSeqs) =>
      options.rooms.every((id) => contiguous(rooms.get(id)?.seen) >= (lastSeqs.get(id) ?? Number.POSITIVE_INFINITY)),
    expectAll(lastSeqs) {
      for (const id of options.rooms) rooms.get(id)?.device.expect(1, lastSeqs.get(id) ?? 0);
    },
    close() {
      live = false;
      clearInterval(resend);
      clearInterval(pace);
      socket?.close();
    },
  };
}

/** Rejects when `promise` takes longer than `ms`. */
async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The highest seq up to which nothing is missing. */
function contiguous(seen: ReadonlySet<number> | undefined): number {
  let mark = 0;
  while (seen?.has(mark + 1) === true) mark += 1;
  return mark;
}
