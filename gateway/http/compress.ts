import { promisify } from "node:util";
import { gzip } from "node:zlib";

const gzipBytes = promisify(gzip);
/** Up to here an answer is packed at once, in some 0.2 ms: cheaper than the way to the thread pool and back. libdeflate at its
 *  lowest level packs as well as level 4 of zlib in half of its time. */
const atOnceBytesMax = 128 * 1024;
const atOnce = { level: 1, library: "libdeflate" } as const;

/** Types worth packing; images and archives are packed already. */
const packable = /^(?:application\/(?:json|proto|javascript)|text\/)/;

/** Packs a complete response with gzip when the client takes it and it has at least `aboveBytes`. What is long is packed on
 *  the thread pool, so that it does not hold up the event loop. Streams and packed answers are left alone. */
export async function compressed(request: Request, response: Response, aboveBytes: number): Promise<Response> {
  if (!acceptsGzip(request.headers.get("accept-encoding"))) return response;
  const { headers } = response;
  if (headers.has("content-encoding") || !packable.test(headers.get("content-type") ?? "")) return response;
  const body = await response.bytes();
  const plain = (): Response => new Response(body, { status: response.status, headers });
  headers.append("Vary", "Accept-Encoding");
  if (body.byteLength < aboveBytes) return plain();
  headers.set("Content-Encoding", "gzip");
  headers.delete("Content-Length");
  return new Response(await pack(body), { status: response.status, headers });
}

/** By gzip; what is long on the thread pool. */
export async function pack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes.byteLength <= atOnceBytesMax) return Bun.gzipSync(bytes, atOnce);
  return new Uint8Array(await gzipBytes(bytes, { level: 4 }));
}

/** What clients accept is few texts, which come again and again. */
const known = new Map<string, boolean>();
const knownMax = 100;

export function acceptsGzip(accepted: string | null): boolean {
  if (accepted === null) return false;
  const before = known.get(accepted);
  if (before !== undefined) return before;
  const accepts = namesGzip(accepted);
  if (known.size >= knownMax) known.clear();
  known.set(accepted, accepts);
  return accepts;
}

function namesGzip(accepted: string): boolean {
  return accepted.split(",").some((entry) => {
    const [coding = "", ...parameters] = entry.trim().toLowerCase().split(";");
    return coding === "gzip" && !parameters.some((parameter) => /^\s*q=0(?:\.0*)?\s*$/.test(parameter));
  });
}
