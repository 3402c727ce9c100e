/** How a value is kept; `columns.ts` says what each kind is in each dialect. */
export type Kind =
  | "id"
  | "int"
  | "tiny"
  | "flag"
  | "time"
  | "text"
  | "longtext"
  | "varchar"
  | "key"
  | "char"
  | "bytestring"
  | "binary"
  | "blob";

/** One column as data. `T` is its TypeScript type, `N` whether it is NOT NULL, `D` whether it has a default. */
export interface ColumnSpec<T = unknown, N extends boolean = boolean, D extends boolean = boolean> {
  readonly kind: Kind;
  /** Characters (varchar, key, char) or bytes (bytestring, binary); undefined where the kind has no length. */
  readonly size: number | undefined;
  readonly notNull: N;
  readonly default: T | undefined;
  readonly hasDefault: D;
}

export type Columns = Readonly<Record<string, ColumnSpec>>;
type Field<C extends Columns> = Extract<keyof C, string>;

export interface Keys<C extends Columns> {
  readonly primaryKey: readonly Field<C>[];
  readonly unique?: Readonly<Record<string, readonly Field<C>[]>>;
  readonly index?: Readonly<Record<string, readonly Field<C>[]>>;
  /** Those of `index` that a later migration dropped again; they stay there because the first one is never changed. */
  readonly dropped?: readonly string[];
}

export interface TableSpec<N extends string = string, C extends Columns = Columns> {
  readonly name: N;
  readonly columns: C;
  readonly keys: Keys<C>;
}

/** Describes one table once, for every dialect. Fields are camelCase, their columns snake_case. */
export function defineTable<const N extends string, const C extends Columns>(
  name: N,
  columns: C,
  keys: Keys<C>,
): TableSpec<N, C> {
  return { name, columns, keys };
}

/** `lastSeqId` → `last_seq_id`. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function column<T>(kind: Kind, size?: number): ColumnSpec<T, true, false> {
  return { kind, size, notNull: true, default: undefined, hasDefault: false };
}

/** Allows NULL (and makes the field optional when inserting). */
export function nullable<T>(spec: ColumnSpec<T, true, false>): ColumnSpec<T, false, false> {
  return { ...spec, notNull: false };
}

/** Gives the column a default, in the database and in inserts. */
export function withDefault<T>(spec: ColumnSpec<T, true, false>, value: T): ColumnSpec<T, true, true> {
  return { ...spec, default: value, hasDefault: true };
}

/** 64-bit integer, a `bigint`, exact beyond 2^53. */
export const id = (): ColumnSpec<bigint, true, false> => column("id");
/** 32-bit integer, a `number`. */
export const int = (): ColumnSpec<number, true, false> => column("int");
/** 8-bit integer, a `number`. */
export const tiny = (): ColumnSpec<number, true, false> => column("tiny");
export const flag = (): ColumnSpec<boolean, true, false> => column("flag");
/** An instant: Unix milliseconds as a `number`. */
export const time = (): ColumnSpec<number, true, false> => column("time");
/** Text of at most 64 KiB; also JSON, which is kept as the text that was sent. */
export const text = (): ColumnSpec<string, true, false> => column("text");
/** Text of at most 16 MiB, for JSON that quotes other texts. */
export const longText = (): ColumnSpec<string, true, false> => column("longtext");
/** Text that people read, at most `size` characters. */
export const varchar = (size: number): ColumnSpec<string, true, false> => column("varchar", size);
/** An identifier in ASCII, at most `size` characters, compared exactly in every dialect. */
export const key = (size: number): ColumnSpec<string, true, false> => column("key", size);
/** An identifier in ASCII of exactly `size` characters (UUIDs, hexadecimal digests). */
export const char = (size: number): ColumnSpec<string, true, false> => column("char", size);
/** Text of at most `size` bytes of UTF-8 that every dialect compares byte by byte. */
export const byteString = (size: number): ColumnSpec<string, true, false> => column("bytestring", size);
/** Exactly `size` bytes. */
export const binary = (size: number): ColumnSpec<Uint8Array, true, false> => column("binary", size);
/** Any number of bytes, at most 64 KiB. */
export const blob = (): ColumnSpec<Uint8Array, true, false> => column("blob");
