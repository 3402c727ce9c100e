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
  return new BoundedMap(bounds, nowMs, evicted);
}

class BoundedMap implements MemoryMap {
  readonly #map = new Map<string, Entry>();
  readonly #bounds: MemoryBounds;
  readonly #nowMs: () => number;
  readonly #evicted: (key: string) => void;
  #bytes = 0;
  #hand = this.#map.entries();

  constructor(bounds: MemoryBounds, nowMs: () => number, evicted: (key: string) => void) {
    this.#bounds = bounds;
    this.#nowMs = nowMs;
    this.#evicted = evicted;
  }

  get entries(): number {
    return this.#map.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  find(key: string): Entry | undefined {
    const entry = this.#map.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAtMs <= this.#nowMs()) {
      this.#drop(key, entry);
      return undefined;
    }
    entry.used = true;
    return entry;
  }

  read<K extends Kind>(key: string, kind: K): Box<K>["value"] | undefined {
    const entry = this.find(key);
    return entry === undefined ? undefined : expectKind(key, entry.content, kind).value;
  }

  write<K extends Kind>(key: string, kind: K, change: (content: Box<K>) => number, expiresAtMs?: number): void {
    this.#sweep();
    let entry = this.find(key);
    if (entry === undefined) {
      // Not marked as used: what is written once and never read goes first.
      entry = { content: emptyOf[kind](), expiresAtMs: Number.POSITIVE_INFINITY, bytes: keyBytes(key), used: false };
      this.#map.set(key, entry);
      this.#bytes += entry.bytes;
    }
    const grown = change(expectKind(key, entry.content, kind));
    entry.bytes += grown;
    this.#bytes += grown;
    if (expiresAtMs !== undefined) entry.expiresAtMs = expiresAtMs;
    if (entry.bytes > this.#bounds.bytesMax) {
      this.#drop(key, entry);
      this.#evicted(key);
    }
    this.#evict();
  }

  shrink<K extends Kind>(
    key: string,
    kind: K,
    change: (content: Box<K>) => { freedBytes: number; left: number },
  ): void {
    const entry = this.find(key);
    if (entry === undefined) return;
    const { freedBytes, left } = change(expectKind(key, entry.content, kind));
    entry.bytes -= freedBytes;
    this.#bytes -= freedBytes;
    if (left === 0) this.#drop(key, entry);
  }

  remove(key: string): boolean {
    const entry = this.find(key);
    if (entry === undefined) return false;
    this.#drop(key, entry);
    return true;
  }

  clear(): void {
    this.#map.clear();
    this.#bytes = 0;
    this.#hand = this.#map.entries();
  }

  #drop(key: string, entry: Entry): void {
    this.#map.delete(key);
    this.#bytes -= entry.bytes;
  }

  #sweep(): void {
    for (let looked = 0; looked < sweepPerWrite; looked += 1) {
      const next = this.#hand.next();
      if (next.done) {
        this.#hand = this.#map.entries();
        return;
      }
      const [key, entry] = next.value;
      if (entry.expiresAtMs <= this.#nowMs()) this.#drop(key, entry);
    }
  }

  #evict(): void {
    while (this.#map.size > this.#bounds.entriesMax || this.#bytes > this.#bounds.bytesMax) {
      const first = this.#map.entries().next();
      if (first.done) return;
      const [key, entry] = first.value;
      if (entry.used) {
        entry.used = false;
        this.#map.delete(key);
        this.#map.set(key, entry);
        continue;
      }
      this.#drop(key, entry);
      this.#evicted(key);
    }
  }
}
