import { Entry, emptyOf, type Kind, keyBytes, textBytes, type ValueOf } from "./entry.ts";

export interface MemoryBounds {
  /** Keys. Default 200 000. */
  entriesMax: number;
  /** Estimated bytes of keys and values. Default 128 MiB. A single value above it is not kept. */
  bytesMax: number;
}

export interface MemoryMap {
  /** The live entry, marked as used. */
  find(key: string): Entry | undefined;
  /** The value, if the key exists and is of `kind`. Throws WrongTypeError. */
  read<K extends Kind>(key: string, kind: K): ValueOf<K> | undefined;
  /** Puts a text in the place of what text was there. Evicts past the bounds. `expiresAtMs`: kept when undefined. Throws WrongTypeError. */
  put(key: string, text: string, expiresAtMs?: number): void;
  /** Changes the collection of `kind` by `change`, which answers by how many bytes it grew; made empty first where there is none. As `put` otherwise. */
  write<K extends Exclude<Kind, "string">>(
    key: string,
    kind: K,
    change: (value: ValueOf<K>) => number,
    expiresAtMs?: number,
  ): void;
  /** Takes away from the collection of `kind`, if the key exists. An empty collection does not exist: with nothing `left` the key goes. */
  shrink<K extends Kind>(
    key: string,
    kind: K,
    change: (value: ValueOf<K>) => { freedBytes: number; left: number },
  ): void;
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

  read<K extends Kind>(key: string, kind: K): ValueOf<K> | undefined {
    return this.find(key)?.as(key, kind);
  }

  put(key: string, text: string, expiresAtMs?: number): void {
    const entry = this.#open(key, "string");
    const grown = textBytes(text) - textBytes(entry.as(key, "string"));
    entry.value = text;
    this.#grew(key, entry, grown, expiresAtMs);
  }

  write<K extends Exclude<Kind, "string">>(
    key: string,
    kind: K,
    change: (value: ValueOf<K>) => number,
    expiresAtMs?: number,
  ): void {
    const entry = this.#open(key, kind);
    this.#grew(key, entry, change(entry.as(key, kind)), expiresAtMs);
  }

  shrink<K extends Kind>(
    key: string,
    kind: K,
    change: (value: ValueOf<K>) => { freedBytes: number; left: number },
  ): void {
    const entry = this.find(key);
    if (entry === undefined) return;
    const { freedBytes, left } = change(entry.as(key, kind));
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

  #open(key: string, kind: Kind): Entry {
    this.#sweep();
    const known = this.find(key);
    if (known !== undefined) return known;
    const entry = new Entry(emptyOf[kind](), keyBytes(key));
    this.#map.set(key, entry);
    this.#bytes += entry.bytes;
    return entry;
  }

  #grew(key: string, entry: Entry, bytes: number, expiresAtMs: number | undefined): void {
    entry.bytes += bytes;
    this.#bytes += bytes;
    if (expiresAtMs !== undefined) entry.expiresAtMs = expiresAtMs;
    if (entry.bytes > this.#bounds.bytesMax) {
      this.#drop(key, entry);
      this.#evicted(key);
    }
    this.#evict();
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
