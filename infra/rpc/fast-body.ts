import { Code, ConnectError } from "@connectrpc/connect";

/** The whole body of a request. Rejects with `resource_exhausted` past `bytesMax`: before reading when its length is told, else as soon as it is passed. */
export async function readBody(request: Request | Response, bytesMax: number): Promise<Uint8Array> {
  const told = request.headers.get("content-length");
  if (told === null) return request.body === null ? new Uint8Array(0) : readChunks(request.body, bytesMax);
  const length = Number(told);
  if (length > bytesMax) throw tooLarge(bytesMax);
  return new Uint8Array(await request.arrayBuffer());
}

async function readChunks(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length);
}

export function tooLarge(bytesMax: number): ConnectError {
  return new ConnectError(`message is larger than ${bytesMax} bytes`, Code.ResourceExhausted);
}
