/** What was made of texts or bytes that came before, for when the same come again. Bounded in bytes: what was not asked for
 *  lately is forgotten. */
export interface Memo<K, V> {
  get(key: K): V | undefined;
  /** `bytes`: of the value, by estimate. One that takes more than a quarter of all is not kept. */
  set(key: K, value: V, bytes: number): void;
  /** What is held now, keys and what an entry itself takes included. */
  readonly bytes: number;
}

/** An entry of a map with the heads of its key and its value, bytes: as measured. */
const entryBytes = 350;

/** What a text takes in memory, at most: a byte for each unit, or two for each as soon as one needs them. */
export function textBytes(text: string): number {
  const { length } = text;
  return Buffer.byteLength(text) === length ? length : 2 * length;
}

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
}

/** Two generations: when the young one has half of `bytesMax`, the old one goes and the young one is old. What is asked for
 *  becomes young again, so nothing has to be moved at every use. */
function createGenerations<K, V>(bytesMax: number): Memo<K, V> {
  const halfMax = bytesMax / 2;
  let young = new Map<K, Entry<V>>();
  let old = new Map<K, Entry<V>>();
  let youngBytes = 0;
  let oldBytes = 0;

  function put(key: K, one: Entry<V>): void {
    if (youngBytes + one.bytes > halfMax) {
      old = young;
      oldBytes = youngBytes;
      young = new Map();
      youngBytes = 0;
    }
    young.set(key, one);
    youngBytes += one.bytes;
  }

  function takeOld(key: K): Entry<V> | undefined {
    const older = old.get(key);
    if (older === undefined) return undefined;
    old.delete(key);
    oldBytes -= older.bytes;
    return older;
  }

  return {
    get(key) {
      const found = young.get(key);
      if (found !== undefined) return found.value;
      const older = takeOld(key);
      if (older !== undefined) put(key, older);
      return older?.value;
    },

    set(key, value, bytes) {
      takeOld(key);
      const known = young.get(key);
      if (known !== undefined) {
        young.delete(key);
        youngBytes -= known.bytes;
      }
      const one = { value, bytes: entryBytes + bytes };
      if (one.bytes <= halfMax / 2) put(key, one);
    },

    get bytes() {
      return youngBytes + oldBytes;
    },
  };
}

/** By texts; at most `bytesMax`. */
export function createTextMemo<V>(bytesMax: number): Memo<string, V> {
  const memo = createGenerations<string, V>(bytesMax);
  return {
    get: (key) => memo.get(key),
    set: (key, value, bytes) => memo.set(key, value, textBytes(key) + bytes),
    get bytes() {
      return memo.bytes;
    },
  };
}

/** By bytes, which are copied; at most `bytesMax`. They are found by a hash, and compared. */
export function createBytesMemo<V>(
  bytesMax: number,
  hashOf: (bytes: Uint8Array) => unknown = Bun.hash.wyhash,
): Memo<Uint8Array, V> {
  const memo = createGenerations<unknown, { readonly key: Uint8Array; readonly value: V }>(bytesMax);
  return {
    get(key) {
      const found = memo.get(hashOf(key));
      return found !== undefined && Buffer.compare(found.key, key) === 0 ? found.value : undefined;
    },

    // Of two with one hash the later one is held. No `slice`: that of a Buffer is a view, which would hold the whole.
    set: (key, value, bytes) => memo.set(hashOf(key), { key: new Uint8Array(key), value }, key.byteLength + bytes),

    get bytes() {
      return memo.bytes;
    },
  };
}
