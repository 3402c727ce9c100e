/** What the rows of a list are. */
type RowOf<A, K extends keyof A> = A[K] extends readonly (infer T)[] ? T : never;

/** The rows of a list as they came over the wire: what is only handed on is never decoded, and what is made of rows can be kept
 *  by their bytes. */
export class RawList<T> {
  /** All rows, each behind its tag and length. */
  readonly bytes: Uint8Array;
  readonly #decode: (row: Uint8Array) => T;
  #rows: readonly Uint8Array[] | undefined;

  /** `bytes` are whole rows of field 1. `decode` throws what a call with a broken answer rejects with. */
  constructor(bytes: Uint8Array, decode: (row: Uint8Array) => T) {
    this.bytes = bytes;
    this.#decode = decode;
  }

  /** Each alone. */
  get rows(): readonly Uint8Array[] {
    this.#rows ??= rowsOf(this.bytes);
    return this.#rows;
  }

  decode(row: Uint8Array): T {
    return this.#decode(row);
  }
}

/** Of field 1, with a length. */
export const ROW_TAG = (1 << 3) | 2;

/** Where the row at `at` begins behind its tag and length; -1 where there is none, or not the whole of it. */
function startOf(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== ROW_TAG) return -1;
  let length = 0;
  for (let next = at + 1, shift = 0; shift <= 21; next += 1, shift += 7) {
    const byte = bytes[next];
    if (byte === undefined) return -1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      lengthFound = length;
      return next + 1 + length <= bytes.byteLength ? next + 1 : -1;
    }
  }
  return -1;
}

/** Of the row that `startOf` found; not returned with it, because that would be an object for each row. */
let lengthFound = 0;

/** Where the rows at the beginning of an answer end. */
export function endOfRows(bytes: Uint8Array): number {
  let at = 0;
  for (let start = startOf(bytes, at); start >= 0; start = startOf(bytes, at)) at = start + lengthFound;
  return at;
}

function rowsOf(bytes: Uint8Array): Uint8Array[] {
  const rows: Uint8Array[] = [];
  let at = 0;
  for (let start = startOf(bytes, at); start >= 0; start = startOf(bytes, at)) {
    at = start + lengthFound;
    rows.push(bytes.subarray(start, at));
  }
  return rows;
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** A row is shorter than this: its length has four bytes. */
const rowBytesMax = 2 ** 28;

/** Puts rows behind their tags and lengths, `room` bytes behind the last. Throws RangeError for a row of 256 MiB. */
export function joinRows(rows: readonly Uint8Array[], room = 0): Uint8Array<ArrayBuffer> {
  let size = room;
  for (const { byteLength } of rows) {
    if (byteLength >= rowBytesMax) throw new RangeError("a row is too long");
    size += 1 + varintBytes(byteLength) + byteLength;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const row of rows) {
    bytes[at] = ROW_TAG;
    at += 1;
    let length = row.byteLength;
    for (; length >= 0x80; length >>>= 7, at += 1) bytes[at] = (length & 0x7f) | 0x80;
    bytes[at] = length;
    bytes.set(row, at + 1);
    at += 1 + row.byteLength;
  }
  return bytes;
}

const raws = new WeakMap<object, { readonly field: string; readonly raw: unknown }>();

/** `answer` with a list that is decoded when somebody looks at it. */
export function withRawList<A extends object, K extends string, T>(
  answer: A,
  field: K,
  raw: RawList<T>,
): A & Record<K, T[]> {
  let decoded: T[] | undefined;
  const get = (): T[] => {
    decoded ??= raw.rows.map((row) => raw.decode(row));
    return decoded;
  };
  Object.defineProperty(answer, field, { enumerable: true, configurable: true, get });
  raws.set(answer, { field, raw });
  return answer as A & Record<K, T[]>;
}

/** Undefined where the list is objects: in one process, and of what was not asked for as a list. */
export function rawListOf<A extends object, K extends keyof A & string>(
  answer: A,
  field: K,
): RawList<RowOf<A, K>> | undefined {
  const known = raws.get(answer);
  return known?.field === field ? (known.raw as RawList<RowOf<A, K>>) : undefined;
}

/** `to` with the list of `from`, which is not decoded for it. */
export function carryList<F extends object, K extends keyof F & string, A extends object>(
  from: F,
  field: K,
  to: A,
): A & Record<K, RowOf<F, K>[]> {
  const raw = rawListOf(from, field);
  if (raw !== undefined) return withRawList(to, field, raw);
  return Object.assign(to, { [field]: from[field] } as unknown as Record<K, RowOf<F, K>[]>);
}

/** The first row of a list, or the last; the others are not decoded for it. */
export function rowAt<A extends object, K extends keyof A & string>(
  answer: A,
  field: K,
  at: 0 | -1,
): RowOf<A, K> | undefined {
  const raw = rawListOf(answer, field);
  if (raw === undefined) return (answer[field] as readonly RowOf<A, K>[]).at(at);
  const row = raw.rows.at(at);
  return row === undefined ? undefined : raw.decode(row);
}
