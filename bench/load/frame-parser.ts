/** What a server sent: a text or binary message, a ping, or the end. */
export type Opcode = 1 | 2 | 8 | 9 | 10;

/** Longer messages are a protocol breach of the server under test. Bytes. */
export const messageBytesMax = 16 * 1024 * 1024;

/**
 * Cuts a server's byte stream into WebSocket messages (RFC 6455, unmasked frames, fragments joined).
 * The payload handed out is a view of the chunk where it lies in one piece: use it before returning.
 */
export interface FrameParser {
  /** Throws RangeError on a frame no server may send. */
  push(chunk: Buffer): void;
  /** Whether the last chunk ended with a whole message. */
  readonly atBoundary: boolean;
}

export function createFrameParser(onMessage: (opcode: Opcode, payload: Buffer) => void): FrameParser {
  let rest: Buffer | undefined;
  let parts: Buffer[] = [];
  let partsOpcode: Opcode = 1;

  const deliver = (opcode: number, final: boolean, payload: Buffer): void => {
    if (opcode >= 8 || (opcode !== 0 && final)) {
      onMessage(opcode as Opcode, payload);
      return;
    }
    if (opcode !== 0) partsOpcode = opcode as Opcode;
    parts.push(Buffer.from(payload));
    if (!final) return;
    const whole = Buffer.concat(parts);
    parts = [];
    onMessage(partsOpcode, whole);
  };

  return {
    push(chunk) {
      const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (;;) {
        const head = readHead(bytes, at);
        if (head === undefined || head.end > bytes.length) break;
        deliver(head.opcode, head.final, bytes.subarray(head.start, head.end));
        at = head.end;
      }
      // The chunk's memory belongs to the socket: what is left over is copied.
      rest = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at));
    },
    get atBoundary() {
      return rest === undefined && parts.length === 0;
    },
  };
}

interface Head {
  opcode: number;
  final: boolean;
  /** First and past the last byte of the payload. */
  start: number;
  end: number;
}

function readHead(bytes: Buffer, at: number): Head | undefined {
  if (bytes.length < at + 2) return undefined;
  const first = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  if ((second & 0x80) !== 0) throw new RangeError("a server frame is masked");
  let length = second & 0x7f;
  let start = at + 2;
  if (length === 126) {
    if (bytes.length < at + 4) return undefined;
    length = bytes.readUInt16BE(at + 2);
    start = at + 4;
  } else if (length === 127) {
    if (bytes.length < at + 10) return undefined;
    const long = bytes.readBigUInt64BE(at + 2);
    if (long > BigInt(messageBytesMax)) throw new RangeError(`a frame of ${long} bytes`);
    length = Number(long);
    start = at + 10;
  }
  return { opcode: first & 0x0f, final: (first & 0x80) !== 0, start, end: start + length };
}

/** A masked client frame. */
export function clientFrame(opcode: Opcode, payload: Uint8Array): Buffer {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extended + 4 + length);
  frame[0] = 0x80 | opcode;
  if (extended === 0) frame[1] = 0x80 | length;
  else if (extended === 2) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 0x80 | 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  // A mask of zeros is a valid mask and costs nothing to apply; a load client keeps no secrets from proxies.
  frame.fill(0, 2 + extended, 6 + extended);
  frame.set(payload, 6 + extended);
  return frame;
}
