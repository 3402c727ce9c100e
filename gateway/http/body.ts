import { AppError } from "#proto/errors.ts";

/** Bounds of a request body. */
export interface BodyLimits {
  readonly bytesMax: number;
  /** From the headers to the last byte, ms. */
  readonly withinMs: number;
}

/** Reads the whole body. A declared length over the bound is refused before a byte is read, a body without one as soon as
 *  it passes the bound. Throws AppError PAYLOAD_TOO_LARGE, TIMEOUT. */
export async function readBody(request: Request, { bytesMax, withinMs }: BodyLimits): Promise<Uint8Array> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new AppError("TIMEOUT", { message: "the body came too slowly" })),
    withinMs,
  );
  try {
    return await Promise.race([read(request, bytesMax), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function read(request: Request, bytesMax: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (Number(declared) > bytesMax) throw tooLarge(bytesMax);
    return await request.bytes();
  }
  if (request.body === null) return new Uint8Array(0);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body) {
    size += part.byteLength;
    if (size > bytesMax) throw tooLarge(bytesMax);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The body as JSON object; an empty body is `{}`. Throws AppError INVALID_PARAMETER for anything else, and for bytes
 *  that are not UTF-8; else as `readBody`. */
export async function readJson(request: Request, limits: BodyLimits): Promise<Record<string, unknown>> {
  const bytes = await readBody(request, limits);
  if (bytes.byteLength === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new AppError("INVALID_PARAMETER", { cause, message: "the body is not JSON" });
  }
  if (!isObject(value)) throw new AppError("INVALID_PARAMETER", { message: "the body is not a JSON object" });
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tooLarge(bytesMax: number): AppError {
  return new AppError("PAYLOAD_TOO_LARGE", { details: { bytesMax } });
}
