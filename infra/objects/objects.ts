/** What is known of a stored object. */
export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  /** Changes with the content; without quotation marks. */
  readonly etag: string;
  /** Unix ms. */
  readonly modifiedMs: number;
}

export interface ObjectBody {
  readonly info: ObjectInfo;
  /** The bytes asked for. Cancel it when it is not read to its end. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Of `stream`. */
  readonly size: number;
}

export interface PutOptions {
  /** As of `Content-Type`; default `application/octet-stream`. Servers may add a charset to text types. */
  readonly contentType?: string;
  /** More bytes are refused with ObjectTooLargeError, and nothing is kept. Default and at most `objectBytesMax`. */
  readonly bytesMax?: number;
}

/** Bytes `start` (inclusive) to `end` (exclusive); an end past the last byte means the last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a client needs to send bytes by itself. */
export interface SignedUpload {
  readonly url: string;
  readonly method: "PUT";
  /** To be sent with it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Unix ms. */
  readonly expiresAtMs: number;
}

/** Files of users: whole objects by key, written once, read by ranges. Keys are of `a-z A-Z 0-9 . _ - /`, see `checkKey`;
 *  no key may be the folder of another one (`a` beside `a/b`): servers that keep files refuse it. A key that is written again shows the old object or
 *  the new one, never a mixture. Everything rejects with ObjectsUnavailableError while the store cannot be reached. */
export interface Objects {
  /** Resolves when the whole object is kept. A stream that fails leaves nothing, its error comes through. */
  put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: PutOptions): Promise<ObjectInfo>;
  /** Undefined: there is no such object. Throws RangeError when the range begins past the last byte or is empty. */
  get(key: string, range?: ByteRange): Promise<ObjectBody | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Does nothing when there is none. */
  delete(key: string): Promise<void>;
  /** An address to which a client may PUT the object until it expires (`expiresMs`: 1 s … 7 days). `bytesMax` and the type are held by the store where it can;
   *  look at them with `head` before the object is used. */
  signUpload(key: string, options: { expiresMs: number } & PutOptions): SignedUpload;
  /** An address from which the object may be read until it expires. With `fileName` browsers save it under that name instead of showing it. */
  signDownload(key: string, options: { expiresMs: number; fileName?: string }): string;
  health(): Promise<"ok" | "down">;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The store cannot be reached, or refuses this process: try again later. */
export class ObjectsUnavailableError extends Error {
  override readonly name = "ObjectsUnavailableError";
}
export class ObjectTooLargeError extends Error {
  override readonly name = "ObjectTooLargeError";
}

export const objectBytesMax = 1024 * 1024 * 1024;
export const keyCharsMax = 512;
export const expiresMsMin = 1000;
export const expiresMsMax = 7 * 86_400_000;
export const defaultContentType = "application/octet-stream";

/** Throws RangeError when `key` is none: parts of letters, digits, `.`, `_` and `-`, joined by single `/`; no part of dots alone. */
export function checkKey(key: string): void {
  const parts = key.split("/");
  if (key.length > keyCharsMax || !parts.every((part) => /^[\w.-]{1,200}$/.test(part) && !/^\.+$/.test(part)))
    throw new RangeError(`"${key.slice(0, 100)}" is no key of an object`);
}

/** Throws RangeError unless it is a media type without line breaks, at most 128 characters. */
export function checkContentType(contentType: string): void {
  if (!/^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+="?[\w.+-]+"?)*$/.test(contentType) || contentType.length > 128)
    throw new RangeError(`"${contentType.slice(0, 100)}" is no content type`);
}

export function checkExpiry(expiresMs: number): void {
  if (!(expiresMs >= expiresMsMin && expiresMs <= expiresMsMax))
    throw new RangeError(`an address of ${expiresMs} ms is not within ${expiresMsMin}…${expiresMsMax} ms`);
}

/** The bytes of `range` that there are. Throws RangeError when there are none. */
export function clip(range: ByteRange, size: number): ByteRange {
  const { start, end } = { start: range.start, end: Math.min(range.end, size) };
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start >= end)
    throw new RangeError(`the range ${range.start}…${range.end} is empty in an object of ${size} bytes`);
  return { start, end };
}

/** The same bytes; fails with ObjectTooLargeError as soon as there are more than `bytesMax`. */
export function limited(body: ReadableStream<Uint8Array>, bytesMax: number): ReadableStream<Uint8Array> {
  let bytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes > bytesMax) controller.error(new ObjectTooLargeError(`the object has more than ${bytesMax} bytes`));
        else controller.enqueue(chunk);
      },
    }),
  );
}

/** `Content-Disposition` that saves under any name (RFC 6266). */
export function attachment(fileName: string): string {
  const plain = fileName.replaceAll(/[^\w. -]/g, "_").slice(0, 200);
  const encoded = encodeURIComponent(fileName.toWellFormed().slice(0, 200)).replaceAll(/['()*]/g, percent);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function percent(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
}
