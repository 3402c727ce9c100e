import type { Socket } from "bun";
import { clientFrame, createFrameParser, type FrameParser } from "./frame-parser.ts";

/** One WebSocket on a raw TCP socket: the least a load client can spend on a connection. */
export interface WsConnection {
  /** Queues a text frame; what the kernel does not take now goes out when it drains. */
  send(text: string): void;
  close(): void;
}

export interface WsHandlers {
  /** A text or binary message; `payload` is valid during the call only. */
  message(payload: Buffer): void;
  /** The connection ended; `code` is the close frame's, 1006 when there was none. */
  closed(code: number): void;
}

interface State {
  parser: FrameParser;
  upgraded: boolean;
  head: Buffer[];
  waiting: Buffer[];
  closeCode: number;
  handlers: WsHandlers;
  opened: (connection: WsConnection) => void;
  failed: (error: Error) => void;
}

/** Opens ws://{host}:{port}{path}. Rejects when the upgrade is refused, with the status line. */
export async function connectWs(
  target: { host: string; port: number; path: string; headers?: Readonly<Record<string, string>> },
  handlers: WsHandlers,
): Promise<WsConnection> {
  const opened = Promise.withResolvers<WsConnection>();
  const state: State = {
    parser: createFrameParser(() => undefined),
    upgraded: false,
    head: [],
    waiting: [],
    closeCode: 1006,
    handlers,
    opened: opened.resolve,
    failed: opened.reject,
  };
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
  const headers = Object.entries(target.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
  const request =
    `GET ${target.path} HTTP/1.1\r\nHost: ${target.host}:${target.port}\r\nUpgrade: websocket\r\n` +
    `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${headers.join("")}\r\n`;
  await Bun.connect<State>({
    hostname: target.host,
    port: target.port,
    data: state,
    socket: {
      open: (socket) => write(socket, Buffer.from(request)),
      data: (socket, chunk) => onData(socket, chunk),
      drain: (socket) => {
        const waiting = socket.data.waiting;
        socket.data.waiting = [];
        for (const frame of waiting) write(socket, frame);
      },
      close: (socket) => onEnd(socket.data),
      error: (socket, error) => {
        socket.data.failed(error);
      },
    },
  });
  return opened.promise;
}

function write(socket: Socket<State>, frame: Buffer): void {
  if (socket.data.waiting.length > 0) {
    socket.data.waiting.push(frame);
    return;
  }
  const written = socket.write(frame);
  if (written < frame.length) socket.data.waiting.push(frame.subarray(Math.max(written, 0)));
}

function onData(socket: Socket<State>, chunk: Buffer): void {
  const state = socket.data;
  if (state.upgraded) {
    state.parser.push(chunk);
    return;
  }
  state.head.push(Buffer.from(chunk));
  const bytes = Buffer.concat(state.head);
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return;
  const status = bytes.subarray(0, bytes.indexOf("\r\n")).toString();
  if (!status.startsWith("HTTP/1.1 101")) {
    state.failed(new Error(`upgrade refused: ${status}`));
    socket.end();
    return;
  }
  state.upgraded = true;
  state.head = [];
  state.parser = createFrameParser((opcode, payload) => {
    if (opcode === 9) write(socket, clientFrame(10, payload));
    else if (opcode === 8) state.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    else if (opcode !== 10) state.handlers.message(payload);
  });
  state.opened({
    send: (text) => write(socket, clientFrame(1, Buffer.from(text))),
    close: () => {
      write(socket, clientFrame(8, Buffer.from([0x03, 0xe8])));
      socket.end();
    },
  });
  if (bytes.length > end + 4) state.parser.push(bytes.subarray(end + 4));
}

function onEnd(state: State): void {
  if (state.upgraded) state.handlers.closed(state.closeCode);
  else state.failed(new Error("connection closed before the upgrade"));
}
