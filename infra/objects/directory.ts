import { type FileHandle, mkdir, open, readdir, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { footerBytes, readFooter, writeFooter } from "./directory-footer.ts";
import { createSigner, type Grant } from "./directory-signer.ts";
import {
  type ByteRange,
  checkContentType,
  checkKey,
  clip,
  defaultContentType,
  limited,
  type ObjectInfo,
  type Objects,
  ObjectsUnavailableError,
  objectBytesMax,
} from "./objects.ts";

export interface DirectoryOptions {
  /** Of this process alone. */
  readonly dir: string;
  /** Where a server of ours hands out the objects: an address or a path, without a slash at its end. */
  readonly publicUrl: string;
  /** Signs addresses; whoever has it may read and write everything. */
  readonly secret: string;
  /** Unix ms. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Objects in a folder. Addresses lead to a server of ours, which asks `grant` what they allow. */
export interface DirectoryObjects extends Objects {
  /** What a signed address allows; undefined when it is not ours, was changed, has expired or is for another method. `url`: with or without host. */
  grant(method: string, url: string): Grant | undefined;
}

const chunkBytes = 64 * 1024;

/** Opens the folder, and clears what a crash left unfinished. Throws what the file system says. */
export async function openDirectoryObjects(options: DirectoryOptions): Promise<DirectoryObjects> {
  const unfinished = join(options.dir, "unfinished");
  const objects = join(options.dir, "objects");
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  await mkdir(objects, { recursive: true, mode: 0o700 });
  const signer = createSigner(options);
  // No key has an @, so the file of `a` and the folder of `a/b` do not meet.
  const pathOf = (key: string): string => {
    checkKey(key);
    return join(objects, `${key}@`);
  };
  return {
    async put(key, body, { contentType = defaultContentType, bytesMax = objectBytesMax } = {}) {
      const path = pathOf(key);
      checkContentType(contentType);
      const draft = join(unfinished, crypto.randomUUID());
      try {
        const file = await fromStore(open(draft, "wx", 0o600));
        try {
          await write(file, limited(streamOf(body), bytesMax), contentType);
        } finally {
          await file.close();
        }
        await fromStore(mkdir(dirname(path), { recursive: true, mode: 0o700 }));
        await fromStore(rename(draft, path));
        await fromStore(syncFolder(dirname(path)));
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      const info = await infoOf(key, path);
      if (info === undefined) throw new ObjectsUnavailableError(`${key} was stored, but is not there`);
      return info;
    },
    async get(key, range) {
      const path = pathOf(key);
      if (range !== undefined) clip(range, Number.MAX_SAFE_INTEGER);
      const file = await ifThere(open(path, "r"));
      if (file === undefined) return undefined;
      try {
        const info = await infoOfFile(key, file);
        const { start, end }: ByteRange = range === undefined ? { start: 0, end: info.size } : clip(range, info.size);
        return { info, stream: read(file, start, end), size: end - start };
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    head: (key) => infoOf(key, pathOf(key)),
    async delete(key) {
      await ifThere(unlink(pathOf(key)));
    },
    ...signer,
    async health() {
      try {
        await readdir(unfinished);
        return "ok";
      } catch {
        return "down";
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Writes what the stream brings, then the footer. Streams' errors come through, those of the disk as unavailable. */
async function write(file: FileHandle, body: ReadableStream<Uint8Array>, contentType: string): Promise<void> {
  const hash = new Bun.CryptoHasher("md5");
  for await (const chunk of body) {
    hash.update(chunk);
    for (let at = 0; at < chunk.byteLength; ) at += (await fromStore(file.write(chunk, at))).bytesWritten;
  }
  await fromStore(file.write(writeFooter({ contentType, etag: hash.digest("hex") })));
  await fromStore(file.sync());
}

function streamOf(body: Uint8Array | ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  if (!(body instanceof Uint8Array)) return body;
  return new ReadableStream({
    start(controller) {
      if (body.byteLength > 0) controller.enqueue(body);
      controller.close();
    },
  });
}

async function infoOf(key: string, path: string): Promise<ObjectInfo | undefined> {
  const file = await ifThere(open(path, "r"));
  if (file === undefined) return undefined;
  try {
    return await infoOfFile(key, file);
  } finally {
    await file.close();
  }
}

async function infoOfFile(key: string, file: FileHandle): Promise<ObjectInfo> {
  const found = await fromStore(file.stat());
  const size = found.size - footerBytes;
  const { contentType, etag } = await fromStore(readFooter(file, size));
  return { key, size, contentType, etag, modifiedMs: Math.floor(found.mtimeMs) };
}

/** The bytes of an open file, also when its name is given to another one meanwhile. Closes it at the end or when it is cancelled. */
function read(file: FileHandle, start: number, end: number): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream({
    async pull(controller) {
      const bytes = new Uint8Array(Math.min(chunkBytes, end - at));
      const { bytesRead } = bytes.byteLength === 0 ? { bytesRead: 0 } : await file.read(bytes, 0, bytes.byteLength, at);
      if (bytesRead > 0) controller.enqueue(bytes.subarray(0, bytesRead));
      at += bytesRead;
      if (at < end && bytesRead > 0) return;
      await file.close();
      controller.close();
    },
    cancel: () => file.close(),
  });
}

/** A rename is only sure once the folder is on the disk. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function fromStore<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ObjectsUnavailableError(`the folder of the objects failed: ${message}`, { cause: error });
  }
}

/** Undefined when there is no such file. */
function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  const orMissing = work.catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return fromStore(orMissing);
}
