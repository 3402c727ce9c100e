import { nowMs } from "./clock.ts";
import { type Ack, type Dialect, type Heard, mergeBatches, type RowBatch, type SeqRange } from "./dialect.ts";
import { createFrameMemory } from "./frame-memory.ts";
import { type Address, connect, LoadSocket, upgradeRequest } from "./load-socket.ts";

/** What the sockets of a fleet hear. */
export interface FleetEvents {
  /** Rows in bytes that did not come before: once per distinct frame, whatever the number of sockets. An answer to `sync` is
   *  one of its own each time. */
  fresh(batch: RowBatch, bytes: number): void;
  rows(socket: number, batch: RowBatch): void;
  missed(socket: number, range: SeqRange): void;
  ack(socket: number, ack: Ack): void;
  synced(socket: number): void;
  error(socket: number, code: string): void;
  closed(socket: number, code: number): void;
}

export interface FleetOptions {
  readonly addresses: readonly Address[];
  readonly dialect: Dialect;
  /** One per socket; empty for servers that ask for none. */
  readonly tokens: readonly string[];
  /** Sockets. */
  readonly size: number;
  /** Handshakes in flight. */
  readonly atOnce: number;
}

/** Many WebSockets of one process to one server. */
export interface Fleet {
  readonly size: number;
  readonly dialect: Dialect;
  /** Opens the first `upTo` sockets, as far as they are not open, and resolves when all are ready; `ready` is told of each with
   *  the ms since its TCP connect. Rejects at the first that is refused, except with 503, which is tried again after a while. */
  open(upTo: number, ready?: (socket: number, ms: number) => void): Promise<void>;
  socket(index: number): LoadSocket | undefined;
  /** Several go out in one write. */
  send(index: number, messages: readonly (string | Uint8Array)[]): void;
  /** Handshakes that were answered 503 and tried again. */
  readonly turnedAway: number;
  /** Rows that were parsed, and rows known from equal bytes. */
  readonly parsed: { readonly frames: number; readonly known: number };
}

interface Pending {
  startedMs: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Before a handshake that was answered 503 is tried again, ms. */
const againMs = 100;

export function createFleet(options: FleetOptions, events: FleetEvents): Fleet {
  const { addresses, dialect, tokens, size, atOnce } = options;
  const sockets: (LoadSocket | undefined)[] = new Array(size);
  const pending = new Map<number, Pending>();
  const chunks = createFrameMemory<RowBatch>();
  const frames = createFrameMemory<Heard>();
  const count = { turnedAway: 0, frames: 0, known: 0 };
  /** Batches of the chunk that is being parsed; undefined when it held something else too. */
  let learning: RowBatch[] | undefined;

  function hear(payload: Buffer): Heard {
    const known = frames.find(payload);
    if (known !== undefined) return known;
    count.frames += 1;
    const heard = dialect.hear(payload);
    if (heard.kind !== "rows") return heard;
    frames.remember(payload, heard);
    events.fresh(heard.batch, payload.length);
    return heard;
  }

  function synced(index: number, batches: readonly RowBatch[], bytes: number): void {
    for (const batch of batches) {
      events.fresh(batch, bytes);
      events.rows(index, batch);
    }
    events.synced(index);
  }

  function message(socket: LoadSocket, payload: Buffer): void {
    const { index } = socket;
    const heard = hear(payload);
    if (heard.kind === "rows") {
      if (heard.missed === undefined && heard.reply === undefined) learning?.push(heard.batch);
      else learning = undefined;
      if (heard.reply !== undefined) socket.send(heard.reply);
      if (heard.missed !== undefined) events.missed(index, heard.missed);
      events.rows(index, heard.batch);
      return;
    }
    learning = undefined;
    if (heard.kind === "ack") events.ack(index, heard.ack);
    else if (heard.kind === "missed") events.missed(index, heard.range);
    else if (heard.kind === "connected") pending.get(index)?.resolve();
    else if (heard.kind === "synced") synced(index, heard.batches, payload.length);
    else if (heard.kind === "error") events.error(index, heard.code);
    else if (heard.kind === "reply") socket.send(heard.payload);
  }

  function bytes(socket: LoadSocket, chunk: Buffer): void {
    const { parser } = socket;
    if (!parser.atBoundary) {
      parser.push(chunk);
      return;
    }
    const known = chunks.find(chunk);
    if (known !== undefined) {
      count.known += known.frames;
      events.rows(socket.index, known);
      return;
    }
    learning = [];
    parser.push(chunk);
    const whole = parser.atBoundary && learning !== undefined ? mergeBatches(learning) : undefined;
    learning = undefined;
    if (whole !== undefined) chunks.remember(chunk, whole);
  }

  function upgraded(socket: LoadSocket, subprotocol: string | undefined): void {
    const wanted = dialect.subprotocol;
    if (wanted !== undefined && subprotocol !== wanted) {
      pending.get(socket.index)?.reject(new Error(`The server does not offer the subprotocol ${wanted} yet.`));
      return;
    }
    for (const line of dialect.hello ?? []) socket.send(line);
    if (dialect.readyAtUpgrade) pending.get(socket.index)?.resolve();
  }

  const socketEvents = {
    upgraded,
    bytes,
    message,
    refused(socket: LoadSocket, status: number, reason: string): void {
      pending.get(socket.index)?.reject(new HandshakeRefused(status, reason));
    },
    closed(socket: LoadSocket, code: number): void {
      pending.get(socket.index)?.reject(new HandshakeRefused(code === 1013 ? 503 : 0, `closed with ${code}`));
      events.closed(socket.index, code);
    },
  };

  /** Resolves when the socket is ready. */
  async function openOne(index: number): Promise<number> {
    const address = addresses[index % addresses.length] ?? { host: "", port: 0 };
    const token = tokens[index];
    const headers: Record<string, string> = {};
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    if (dialect.subprotocol !== undefined) headers["Sec-WebSocket-Protocol"] = dialect.subprotocol;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const startedMs = nowMs();
    pending.set(index, { startedMs, resolve, reject });
    const socket = new LoadSocket(index, upgradeRequest(address, dialect.path, headers), socketEvents);
    sockets[index] = socket;
    connect(socket, address);
    try {
      await promise;
    } finally {
      pending.delete(index);
    }
    return nowMs() - startedMs;
  }

  async function openPatiently(index: number): Promise<number> {
    for (;;) {
      try {
        return await openOne(index);
      } catch (error) {
        if (!(error instanceof HandshakeRefused) || error.status !== 503) throw error;
        count.turnedAway += 1;
        await Bun.sleep(againMs * (0.5 + Math.random()));
      }
    }
  }

  return {
    size,
    dialect,
    async open(upTo, ready) {
      const missing: number[] = [];
      for (let index = 0; index < Math.min(upTo, size); index += 1)
        if (sockets[index]?.state !== "open") missing.push(index);
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < missing.length) {
          const index = missing[next] ?? 0;
          next += 1;
          const ms = await openPatiently(index);
          ready?.(index, ms);
        }
      };
      await Promise.all(Array.from({ length: Math.min(atOnce, missing.length) }, lane));
    },
    socket: (index) => sockets[index],
    send: (index, messages) => sockets[index]?.send(...messages),
    get turnedAway() {
      return count.turnedAway;
    },
    get parsed() {
      return count;
    },
  };
}

/** A handshake that came to nothing; status 0 when there was no HTTP answer. */
export class HandshakeRefused extends Error {
  override readonly name = "HandshakeRefused";
  readonly status: number;

  constructor(status: number, reason: string) {
    super(status === 0 ? reason : `the upgrade was answered ${status}: ${reason}`);
    this.status = status;
  }
}
