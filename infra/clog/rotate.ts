import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

export interface RotatingFileOptions {
  path: string;
  /** A file is closed before the line that would pass this. */
  bytesMax: number;
  /** Closed files that are kept; older ones are deleted. */
  backupsMax: number;
  /** Closed files older than this are deleted. */
  ageMsMax: number;
  /** Closed files are packed with gzip, in the background. */
  compress: boolean;
  clock?: () => number;
  /** Told of a packing that failed; the plain file stays then. */
  onError?: (error: unknown) => void;
}

export interface RotatingFile {
  /** Appends a line, synchronously. Throws when the disk refuses. */
  write(line: string): void;
  /** Waits for packings under way and closes. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A log file that is renamed to `{path}.{time}` when it is full; times are UTC without colons, so names order by age. */
export function openRotatingFile(options: RotatingFileOptions): RotatingFile {
  const { path, clock = Date.now } = options;
  let file = openSync(path, "a");
  let bytes = fstatSync(file).size;
  const packing = new Map<string, Promise<void>>();

  const rotate = (): void => {
    closeSync(file);
    const closed = freeName(path, clock());
    renameSync(path, closed);
    file = openSync(path, "a");
    bytes = 0;
    prune(options, clock(), packing);
    if (options.compress)
      packing.set(
        closed,
        pack(closed, options.onError).finally(() => packing.delete(closed)),
      );
  };
  return {
    write(line) {
      const length = Buffer.byteLength(line);
      if (bytes > 0 && bytes + length > options.bytesMax) rotate();
      writeSync(file, line);
      bytes += length;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(packing.values());
      closeSync(file);
    },
  };
}

function freeName(path: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(":", "");
  const taken = new Set(readdirSync(dirname(path)));
  for (let at = 0; ; at += 1) {
    const name = `${path}.${time}-${String(at).padStart(4, "0")}`;
    if (!taken.has(basename(name)) && !taken.has(`${basename(name)}.gz`)) return name;
  }
}

function prune(options: RotatingFileOptions, nowMs: number, packing: ReadonlyMap<string, unknown>): void {
  const folder = dirname(options.path);
  const closed = readdirSync(folder)
    .filter((name) => name.startsWith(`${basename(options.path)}.`) && !name.endsWith(".part"))
    .toSorted()
    .toReversed()
    .map((name) => join(folder, name));
  closed.forEach((name, at) => {
    const old = at >= options.backupsMax || nowMs - statSync(name).mtimeMs > options.ageMsMax;
    if (old && !packing.has(name)) rmSync(name, { force: true });
  });
}

async function pack(closed: string, onError: RotatingFileOptions["onError"]): Promise<void> {
  try {
    await pipeline(createReadStream(closed), createGzip(), createWriteStream(`${closed}.part`));
    renameSync(`${closed}.part`, `${closed}.gz`);
    rmSync(closed, { force: true });
  } catch (error) {
    onError?.(error);
  }
}
