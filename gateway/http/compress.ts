import { promisify } from "node:util";
import { gzip } from "node:zlib";

const gzipBytes = promisify(gzip);

/** Types worth packing; images and archives are packed already. */
const packable = /^(?:application\/(?:json|proto|javascript)|text\/)/;

/** Packs a complete response with gzip when the client takes it and it has at least `aboveBytes`. Runs on the thread
 *  pool, so a long history does not hold up the event loop. Streams and packed answers are left alone. */
export async function compressed(request: Request, response: Response, aboveBytes: number): Promise<Response> {
  if (!acceptsGzip(request.headers.get("accept-encoding"))) return response;
  const { headers } = response;
  if (headers.has("content-encoding") || !packable.test(headers.get("content-type") ?? "")) return response;
  const body = await response.bytes();
  const plain = (): Response => new Response(body, { status: response.status, headers });
  headers.append("Vary", "Accept-Encoding");
  if (body.byteLength < aboveBytes) return plain();
  const packed = await gzipBytes(body, { level: 4 });
  headers.set("Content-Encoding", "gzip");
  headers.delete("Content-Length");
  return new Response(new Uint8Array(packed), { status: response.status, headers });
}

function acceptsGzip(accepted: string | null): boolean {
  if (accepted === null) return false;
  return accepted.split(",").some((entry) => {
    const [coding = "", ...parameters] = entry.trim().toLowerCase().split(";");
    return coding === "gzip" && !parameters.some((parameter) => /^\s*q=0(?:\.0*)?\s*$/.test(parameter));
  });
}
