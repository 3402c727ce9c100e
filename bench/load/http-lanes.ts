/** What a raw request is answered with. */
export interface RawAnswer {
  readonly status: number;
  /** Bytes on the wire, head included. */
  readonly bytes: number;
}

/** One keep-alive connection: one request at a time. */
export interface HttpLane {
  /** `text` is a whole request of HTTP/1.1. Resolves when its answer is complete; its body is counted and left. Rejects
   *  when the connection is lost, and for an answer without `Content-Length`. */
  send(text: string): Promise<RawAnswer>;
  close(): void;
}

const headBytesMax = 64 * 1024;

/** A client that costs less than the server it measures: heads are read, bodies are counted. */
export async function openLane(hostname: string, port: number): Promise<HttpLane> {
  let waiting: PromiseWithResolvers<RawAnswer> | undefined;
  /** Of the answer under way: bytes that came, those that it has in all, and its head while that is incomplete. */
  let came = 0;
  let whole = 0;
  let status = 0;
  let head: Buffer = Buffer.alloc(0);

  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = undefined;
  };
  const take = (bytes: Buffer): void => {
    came += bytes.byteLength;
    if (whole === 0) {
      head = head.byteLength === 0 ? bytes : Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) {
        if (head.byteLength > headBytesMax) fail(new Error("an answer without an end of its head"));
        return;
      }
      const text = head.toString("latin1", 0, end);
      const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text) ?? [];
      if (length === undefined) {
        fail(new Error(`an answer without Content-Length: ${text.slice(0, 80)}`));
        return;
      }
      status = Number(text.slice(9, 12));
      whole = end + 4 + Number(length);
    }
    if (came < whole) return;
    const answer = { status, bytes: came };
    const done = waiting;
    waiting = undefined;
    done?.resolve(answer);
  };
  const socket = await Bun.connect({
    hostname,
    port,
    socket: {
      data: (_, bytes) => take(bytes),
      close: () => fail(new Error("the server closed the connection")),
      error: (_, error) => fail(error),
    },
  });

  return {
    send(text) {
      if (waiting !== undefined) throw new Error("one request at a time");
      waiting = Promise.withResolvers();
      came = 0;
      whole = 0;
      head = Buffer.alloc(0);
      socket.write(text);
      return waiting.promise;
    },
    close: () => socket.end(),
  };
}
