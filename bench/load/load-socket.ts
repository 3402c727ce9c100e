import type { Socket } from "bun";
import { clientFrame, createFrameParser, type FrameParser } from "./frame-parser.ts";

/** What becomes of the sockets of a fleet. Shared by all of them: a socket is its number. */
export interface SocketEvents {
  /** The upgrade was answered; `subprotocol` is what the server selected. */
  upgraded(socket: LoadSocket, subprotocol: string | undefined): void;
  /** The connection could not be opened, or the upgrade was refused; the status, or 0. */
  refused(socket: LoadSocket, status: number, reason: string): void;
  /** Bytes from the server, in whole TCP pieces; valid during the call only. */
  bytes(socket: LoadSocket, chunk: Buffer): void;
  /** A text or binary message out of `parse`; valid during the call only. */
  message(socket: LoadSocket, payload: Buffer): void;
  /** The connection ended; the code of the close frame, 1006 when there was none. */
  closed(socket: LoadSocket, code: number): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One WebSocket on a raw TCP socket: the least a load client can spend on a connection. */
export class LoadSocket {
  readonly index: number;
  readonly events: SocketEvents;
  state: "opening" | "open" | "closed" = "opening";
  readonly parser: FrameParser;
  private request: string;
  private head: Buffer[] | undefined = [];
  private waiting: Buffer[] | undefined;
  private closeCode = 1006;
  private socket: Socket<LoadSocket> | undefined;

  constructor(index: number, request: string, events: SocketEvents) {
    this.index = index;
    this.request = request;
    this.events = events;
    this.parser = createFrameParser((opcode, payload) => {
      if (opcode === 1 || opcode === 2) events.message(this, payload);
      else if (opcode === 9) this.write(clientFrame(10, payload));
      else if (opcode === 8) this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    });
  }

  /** Queues text or binary messages in one write; what the kernel does not take now goes out when it drains. */
  send(...messages: readonly (string | Uint8Array)[]): void {
    const [first] = messages;
    if (first === undefined) return;
    this.write(messages.length === 1 ? frameOf(first) : Buffer.concat(messages.map(frameOf)));
  }

  /** Stops reading for good: a reader that hangs. */
  stall(): void {
    this.socket?.pause();
  }

  /** Reads on. */
  goOn(): void {
    this.socket?.resume();
  }

  /** Leaves politely, with a close frame. */
  close(): void {
    this.write(clientFrame(8, Buffer.from([0x03, 0xe8])));
    this.socket?.end();
  }

  /** Is gone at once, as when the network is lost. */
  terminate(): void {
    this.socket?.terminate();
  }

  opened(socket: Socket<LoadSocket>): void {
    this.socket = socket;
    this.write(Buffer.from(this.request));
    this.request = "";
  }

  data(chunk: Buffer): void {
    if (this.head === undefined) this.events.bytes(this, chunk);
    else this.upgrade(chunk);
  }

  drained(): void {
    const { waiting } = this;
    this.waiting = undefined;
    for (const frame of waiting ?? []) this.write(frame);
  }

  ended(): void {
    const before = this.state;
    this.state = "closed";
    this.socket = undefined;
    if (before === "open") this.events.closed(this, this.closeCode);
    else if (before === "opening") this.events.refused(this, 0, "closed before the upgrade");
  }

  fail(reason: string): void {
    if (this.state !== "opening") return;
    this.state = "closed";
    this.events.refused(this, 0, reason);
  }

  private write(frame: Buffer): void {
    if (this.waiting !== undefined) {
      this.waiting.push(frame);
      return;
    }
    const written = this.socket?.write(frame) ?? frame.length;
    if (written < frame.length) this.waiting = [frame.subarray(Math.max(written, 0))];
  }

  private upgrade(chunk: Buffer): void {
    this.head?.push(Buffer.from(chunk));
    const bytes = Buffer.concat(this.head ?? []);
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return;
    const text = bytes.toString("latin1", 0, end);
    const status = Number(text.slice(9, 12));
    if (status !== 101) {
      this.state = "closed";
      this.socket?.terminate();
      this.events.refused(this, status, text.slice(0, text.indexOf("\r\n")));
      return;
    }
    this.head = undefined;
    this.state = "open";
    this.events.upgraded(this, /^sec-websocket-protocol: *(\S+)/im.exec(text)?.[1]);
    if (bytes.length > end + 4) this.events.bytes(this, bytes.subarray(end + 4));
  }
}

const frameOf = (message: string | Uint8Array): Buffer =>
  typeof message === "string" ? clientFrame(1, Buffer.from(message)) : clientFrame(2, message);

/** The upgrade request; `Sec-WebSocket-Key` is the same for all: the answer is not verified. */
export function upgradeRequest(
  { host, port }: Address,
  path: string,
  headers: Readonly<Record<string, string>>,
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: R29DaGF0IGJlbmNoIGtleQ==\r\nSec-WebSocket-Version: 13\r\n${lines.join("")}\r\n`
  );
}

const handlers = {
  binaryType: "buffer",
  open: (socket: Socket<LoadSocket>) => socket.data.opened(socket),
  data: (socket: Socket<LoadSocket>, chunk: Buffer) => socket.data.data(chunk),
  drain: (socket: Socket<LoadSocket>) => socket.data.drained(),
  close: (socket: Socket<LoadSocket>) => socket.data.ended(),
  error: (socket: Socket<LoadSocket>, error: Error) => socket.data.fail(error.message),
  connectError: (socket: Socket<LoadSocket>, error: Error) => socket.data.fail(error.message),
} as const;

/** Connects; what comes of it is told by the socket's events. */
export function connect(socket: LoadSocket, { host, port }: Address): void {
  Bun.connect<LoadSocket>({ hostname: host, port, data: socket, socket: handlers }).catch((error: unknown) =>
    socket.fail(error instanceof Error ? error.message : String(error)),
  );
}
