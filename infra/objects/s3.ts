import { S3Client } from "bun";
import type { ObjectsConfig } from "./config.ts";
import {
  attachment,
  type ByteRange,
  checkContentType,
  checkExpiry,
  checkKey,
  clip,
  defaultContentType,
  limited,
  type ObjectInfo,
  type Objects,
  ObjectsUnavailableError,
  ObjectTooLargeError,
  objectBytesMax,
} from "./objects.ts";

type S3Settings = Omit<ObjectsConfig, "driver" | "publicUrl">;

/** How long an address lives that this process fetches itself, s. */
const ownUrlSeconds = 300;
const retries = 2;

/** Objects of a bucket, by Bun's client. Connects with the first call. */
export function createS3Objects(config: S3Settings, clock: () => number = Date.now): Objects {
  const client = clientOf(config, config.endpoint);
  const publicClient = clientOf(config, config.publicEndpoint ?? config.endpoint);
  const head = async (key: string): Promise<ObjectInfo | undefined> => {
    checkKey(key);
    try {
      return infoOf(key, await inTime(client.file(key).stat(), config.timeout));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unavailable(error);
    }
  };
  return {
    head,
    async put(key, body, options = {}) {
      checkKey(key);
      const { contentType = defaultContentType, bytesMax = objectBytesMax } = options;
      checkContentType(contentType);
      await upload(client, config, { key, body, contentType, bytesMax });
      const info = await head(key);
      if (info === undefined) throw new ObjectsUnavailableError(`${key} was stored, but is not there`);
      return info;
    },
    async get(key, range) {
      checkKey(key);
      const url = client.file(key).presign({ method: "GET", expiresIn: ownUrlSeconds });
      return fetchObject(key, url, range, config.timeout);
    },
    async delete(key) {
      checkKey(key);
      try {
        await inTime(client.file(key).delete(), config.timeout);
      } catch (error) {
        if (!isMissing(error)) throw unavailable(error);
      }
    },
    signUpload(key, { expiresMs, contentType = defaultContentType }) {
      checkKey(key);
      checkContentType(contentType);
      checkExpiry(expiresMs);
      const expiresIn = Math.floor(expiresMs / 1000);
      const url = publicClient.file(key).presign({ method: "PUT", expiresIn });
      return {
        url,
        method: "PUT",
        headers: { "content-type": contentType },
        expiresAtMs: Math.floor(clock() / 1000 + expiresIn) * 1000,
      };
    },
    signDownload(key, { expiresMs, fileName }) {
      checkKey(key);
      checkExpiry(expiresMs);
      const named = fileName === undefined ? {} : { contentDisposition: attachment(fileName) };
      return publicClient.file(key).presign({ method: "GET", expiresIn: Math.floor(expiresMs / 1000), ...named });
    },
    async health() {
      try {
        await inTime(client.list({ maxKeys: 1 }), config.timeout);
        return "ok";
      } catch {
        return "down";
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

function clientOf(config: S3Settings, endpoint: string | undefined): S3Client {
  const { bucket, region, accessKeyId, secretAccessKey, virtualHosted } = config;
  return new S3Client({
    bucket,
    region,
    virtualHostedStyle: virtualHosted,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKeyId === undefined ? {} : { accessKeyId }),
    ...(secretAccessKey === undefined ? {} : { secretAccessKey }),
  });
}

interface Upload {
  readonly key: string;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
  readonly contentType: string;
  readonly bytesMax: number;
}

async function upload(
  client: S3Client,
  config: S3Settings,
  { key, body, contentType, bytesMax }: Upload,
): Promise<void> {
  const options = { type: contentType, partSize: config.partSize, queueSize: config.queue, retry: retries };
  if (body instanceof Uint8Array) {
    if (body.byteLength > bytesMax) throw new ObjectTooLargeError(`the object has more than ${bytesMax} bytes`);
    await inTime(client.write(key, body, options), config.uploadTimeout).catch(rethrowUnavailable);
    return;
  }
  // What the stream itself fails with is the caller's, not the store's.
  let failure: { readonly error: unknown } | undefined;
  const source = limited(body, bytesMax).getReader();
  const watched = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await source.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        failure = { error };
        controller.error(error);
      }
    },
    cancel: (reason) => source.cancel(reason),
  });
  try {
    await inTime(client.write(key, new Response(watched), options), config.uploadTimeout);
  } catch (error) {
    await source.cancel(error).catch(() => {});
    throw failure === undefined ? unavailable(error) : failure.error;
  }
}

/** One request answers the facts and the bytes. */
async function fetchObject(key: string, url: string, range: ByteRange | undefined, timeoutMs: number) {
  if (range !== undefined) clip(range, Number.MAX_SAFE_INTEGER);
  const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` };
  const waiting = new AbortController();
  const response = await inTime(fetch(url, { headers, signal: waiting.signal }), timeoutMs).catch((error: unknown) => {
    waiting.abort();
    throw unavailable(error);
  });
  if (response.ok && response.body !== null) {
    const size = Number(response.headers.get("content-length"));
    const [, whole] = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
    const info: ObjectInfo = {
      key,
      size: whole === undefined ? size : Number(whole),
      contentType: response.headers.get("content-type") ?? defaultContentType,
      etag: unquoted(response.headers.get("etag") ?? ""),
      modifiedMs: Date.parse(response.headers.get("last-modified") ?? "") || 0,
    };
    return { info, stream: response.body, size };
  }
  await response.body?.cancel();
  if (response.status === 404) return undefined;
  if (response.status === 416)
    throw new RangeError(`the range ${range?.start}…${range?.end} is past the end of ${key}`);
  throw new ObjectsUnavailableError(`the object store answers ${response.status}`);
}

function infoOf(key: string, stat: { size: number; type: string; etag: string; lastModified: Date }): ObjectInfo {
  const { size, type, etag, lastModified } = stat;
  return { key, size, contentType: type, etag: unquoted(etag), modifiedMs: lastModified.getTime() };
}

function unquoted(etag: string): string {
  return etag.replaceAll('"', "");
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "NoSuchKey";
}

function unavailable(error: unknown): Error {
  if (error instanceof ObjectsUnavailableError) return error;
  const code = error instanceof Error && "code" in error ? `${String(error.code)}: ` : "";
  const message = error instanceof Error ? error.message : String(error);
  return new ObjectsUnavailableError(`the object store failed: ${code}${message}`, { cause: error });
}

function rethrowUnavailable(error: unknown): never {
  throw unavailable(error);
}

/** Bun's client has no time limit of its own. What is given up goes on unheard. */
async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new ObjectsUnavailableError(`the object store did not answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
