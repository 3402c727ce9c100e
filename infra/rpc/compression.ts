import { promisify } from "node:util";
import { gunzip, gunzipSync, gzip, gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

/** Smaller bodies are not worth compressing; bytes, as the protocol's libraries have it. */
export const COMPRESS_BYTES_MIN = 1024;
/** Up to here the detour over the thread pool costs more than the work itself; bytes. */
const syncBytesMax = 16 * 1024;

const gzipLater = promisify<Uint8Array, Buffer>(gzip);
const gunzipLater = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip);

/** The one compression of this program. Rejects with `resource_exhausted` when a message unpacks to more than its limit, `invalid_argument` when it does not
 *  unpack. */
export const gzipCompression: Compression = {
  name: "gzip",
  async compress(bytes) {
    return plain(bytes.byteLength <= syncBytesMax ? gzipSync(bytes) : await gzipLater(bytes));
  },
  async decompress(bytes, readMaxBytes) {
    if (bytes.byteLength === 0) return new Uint8Array(0);
    const limit = { maxOutputLength: readMaxBytes };
    try {
      // A small body that unpacks to the limit would hold the loop: it goes to the pool when the limit is large.
      const small = bytes.byteLength <= syncBytesMax && claimedBytes(bytes) <= syncBytesMax * 4;
      return plain(small ? gunzipSync(bytes, limit) : await gunzipLater(bytes, limit));
    } catch (error) {
      throw unpackError(error, readMaxBytes);
    }
  },
};

/** What the trailer of the stream says it unpacks to (modulo 2^32); a hint that decides nothing but where to unpack. */
function claimedBytes(bytes: Uint8Array): number {
  if (bytes.byteLength < 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset + bytes.byteLength - 4, 4).getUint32(0, true);
}

function unpackError(error: unknown, readMaxBytes: number): ConnectError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ERR_BUFFER_TOO_LARGE") {
    return new ConnectError(`message is larger than ${readMaxBytes} bytes when unpacked`, Code.ResourceExhausted);
  }
  return new ConnectError("the message cannot be unpacked", Code.InvalidArgument, undefined, undefined, error);
}

function plain(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}
