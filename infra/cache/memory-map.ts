import { type Box, type Entry, emptyOf, expectKind, type Kind, keyBytes } from "./entry.ts";

export interface MemoryBounds {
  /** Keys. Default 200 000. */
  entriesMax: number;
  /** Estimated bytes of keys and values. Default 128 MiB. A single value above it is not kept. */
  bytesMax: number;
}

export interface MemoryMap {
  /** The live entry, marked as used. */
  find(key: string): Entry | undefined;
  /** The content of `kind`, if the key exists. Throws WrongTypeError. */
  read<K extends Kind>(key: string, kind: K): Box<K>["value"] | undefined;
  /** Changes the content of `kind` by `change`, which answers by how many bytes it grew; made empty first where there is none. Evicts past the bounds.
   *  `expiresAtMs`: kept when undefined. */
  write<K extends Kind>(key: string, kind: K, change: (content: Box<K>) => number, expiresAtMs?: number): void;
  /** Takes away from the content of `kind`, if the key exists. An empty collection does not exist: with nothing `left` the key goes. */
  shrink<K extends Kind>(key: string, kind: K, change: (content: Box<K>) => { freedBytes: number; left: number }): void;
  remove(key: string): boolean;
  clear(): void;
  readonly entries: number;
  readonly bytes: number;
}

/** Looked at for expiry per write. */
const sweepPerWrite = 2;

/** A bounded map with times to live: expired entries vanish when touched, and by a hand that looks at a few per write; past a bound the entry goes that was not
 *  used since the eviction's hand passed it last. */
export function createMemoryMap(bounds: MemoryBounds, nowMs: () => number, evicted: (key: string) => void): MemoryMap {
  const map = new Map<string, Entry>();
  let bytes = 0;
  let hand = map.entries();

  const drop = (key: string, entry: Entry): void => {
    map.delete(key);
    bytes -= entry.bytes;
  };
  const find = (key: string): Entry | undefined => {
    const entry = map.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs <= nowMs()) {
      drop(key, entry);
      return undefined;
    }
    entry.used = true;
    return entry;
  };
  const sweep = (): void => {
    for (let looked = 0; looked < sweepPerWrite; looked += 1) {
      const next = hand.next();
      if (next.done) {
        hand = map.entries();
        return;
      }
      const [key, entry] = next.value;
      if (entry.expiresAtMs <= nowMs()) drop(key, entry);
    }
  };
  const evict = (): void => {
    while (map.size > bounds.entriesMax || bytes > bounds.bytesMax) {
      const first = map.entries().next();
      if (first.done) return;
      const [key, entry] = first.value;
      if (entry.used) {
        entry.used = false;
        map.delete(key);
        map.set(key, entry);
        continue;
      }
      drop(key, entry);
      evicted(key);
    }
  };

  return {
    find,
    read(key, kind) {
      const entry = find(key);
      return entry === undefined ? undefined : expectKind(key, entry.content, kind).value;
    },
    write(key, kind, change, expiresAtMs) {
      sweep();
      let entry = find(key);
      if (entry === undefined) {
        // Not marked as used: what is written once and never read goes first.
        entry = { content: emptyOf[kind](), expiresAtMs: Number.POSITIVE_INFINITY, bytes: keyBytes(key), used: false };
        map.set(key, entry);
        bytes += entry.bytes;
      }
      const grown = change(expectKind(key, entry.content, kind));
      entry.bytes += grown;
      bytes += grown;
      if (expiresAtMs !== undefined) entry.expiresAtMs = expiresAtMs;
      if (entry.bytes > bounds.bytesMax) {
        drop(key, entry);
        evicted(key);
      }
      evict();
    },
    shrink(key, kind, change) {
      const entry = find(key);
      if (entry === undefined) return;
      const { freedBytes, left } = change(expectKind(key, entry.content, kind));
      entry.bytes -= freedBytes;
      bytes -= freedBytes;
      if (left === 0) drop(key, entry);
    },
    remove(key) {
      const entry = find(key);
      if (entry === undefined) return false;
      drop(key, entry);
      return true;
    },
    clear() {
      map.clear();
      bytes = 0;
      hand = map.entries();
    },
    get entries() {
      return map.size;
    },
    get bytes() {
      return bytes;
    },
  };
}
