import type { ColumnSpec, Kind } from "./define.ts";

export type DialectName = "sqlite" | "mysql" | "postgres";

/** How one kind of column is written in one dialect, and how its values cross the driver. */
export interface Form {
  /** The SQL type with its length. */
  sqlType(size: number | undefined): string;
  toDriver?(value: never): unknown;
  fromDriver?(value: never): unknown;
  /** SQLite has no lengths of its own: a CHECK on `column`, so that it refuses what the servers would refuse. */
  check?(column: string, size: number | undefined): string;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();
const same = (type: string): Form => ({ sqlType: () => type });
const sized = (type: string, suffix = ""): Form => ({ sqlType: (size) => `${type}(${size ?? 0})${suffix}` });

const toBigint = (value: bigint | number | string): bigint => BigInt(value);
const toNumber = (value: bigint | number | string): number => Number(value);
const toFlag = (value: bigint | number | boolean): boolean => Number(value) === 1;
const toBytes = (value: Uint8Array): Uint8Array => value;
const toText = (value: Uint8Array | string): string => (typeof value === "string" ? value : fromUtf8.decode(value));

/** "2026-01-02 03:04:05.678", UTC, what MySQL's DATETIME(3) reads and (with `dateStrings`) gives. */
function mysqlTime(value: number): string {
  return new Date(value).toISOString().replace("T", " ").slice(0, 23);
}
function fromMysqlTime(value: string | Date): number {
  return typeof value === "string" ? Date.parse(`${value.replace(" ", "T")}Z`) : value.getTime();
}
/** The session of a PostgreSQL connection is in UTC; a driver may give text or a Date. */
function fromPostgresTime(value: string | Date): number {
  if (typeof value !== "string") return value.getTime();
  return Date.parse(value.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"));
}

const charsAtMost = (column: string, size: number | undefined): string => `length(${column}) <= ${size ?? 0}`;
const bytesAtMost = (column: string, size: number | undefined): string => `octet_length(${column}) <= ${size ?? 0}`;
const textAtMost64KiB = (column: string): string => `octet_length(${column}) <= 65535`;
const textAtMost16MiB = (column: string): string => `octet_length(${column}) <= 16777215`;

const sqlite: Record<Kind, Form> = {
  id: { sqlType: () => "INTEGER", fromDriver: toBigint },
  int: { sqlType: () => "INTEGER", fromDriver: toNumber },
  tiny: { sqlType: () => "INTEGER", fromDriver: toNumber },
  flag: { sqlType: () => "INTEGER", toDriver: (value: boolean) => (value ? 1 : 0), fromDriver: toFlag },
  time: { sqlType: () => "INTEGER", fromDriver: toNumber },
  text: { sqlType: () => "TEXT", check: textAtMost64KiB },
  longtext: { sqlType: () => "TEXT", check: textAtMost16MiB },
  varchar: { sqlType: () => "TEXT", check: charsAtMost },
  key: { sqlType: () => "TEXT", check: charsAtMost },
  char: { sqlType: () => "TEXT", check: charsAtMost },
  bytestring: { sqlType: () => "TEXT", check: bytesAtMost },
  binary: { sqlType: () => "BLOB", fromDriver: toBytes, check: bytesAtMost },
  blob: { sqlType: () => "BLOB", fromDriver: toBytes },
};

const mysql: Record<Kind, Form> = {
  id: { sqlType: () => "BIGINT", toDriver: (value: bigint) => value.toString(), fromDriver: toBigint },
  int: { sqlType: () => "INT", fromDriver: toNumber },
  tiny: { sqlType: () => "TINYINT", fromDriver: toNumber },
  flag: { sqlType: () => "BOOLEAN", fromDriver: toFlag },
  time: { sqlType: () => "DATETIME(3)", toDriver: mysqlTime, fromDriver: fromMysqlTime },
  text: same("TEXT"),
  longtext: same("MEDIUMTEXT"),
  varchar: sized("VARCHAR"),
  key: sized("VARCHAR", " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
  char: sized("CHAR", " CHARACTER SET ascii COLLATE ascii_bin"),
  bytestring: {
    sqlType: (size) => `VARBINARY(${size ?? 0})`,
    toDriver: (value: string) => Buffer.from(utf8.encode(value)),
    fromDriver: toText,
  },
  binary: { ...sized("BINARY"), toDriver: (value: Uint8Array) => Buffer.from(value), fromDriver: toBytes },
  blob: { ...same("BLOB"), toDriver: (value: Uint8Array) => Buffer.from(value), fromDriver: toBytes },
};

const postgres: Record<Kind, Form> = {
  id: { sqlType: () => "BIGINT", toDriver: (value: bigint) => value.toString(), fromDriver: toBigint },
  int: { sqlType: () => "INTEGER", fromDriver: toNumber },
  tiny: { sqlType: () => "SMALLINT", fromDriver: toNumber },
  flag: { sqlType: () => "BOOLEAN" },
  time: {
    sqlType: () => "TIMESTAMPTZ(3)",
    toDriver: (value: number) => new Date(value).toISOString(),
    fromDriver: fromPostgresTime,
  },
  text: same("TEXT"),
  longtext: same("TEXT"),
  varchar: sized("VARCHAR"),
  key: sized("VARCHAR", ' COLLATE "C"'),
  char: sized("CHAR", ' COLLATE "C"'),
  bytestring: sized("VARCHAR", ' COLLATE "C"'),
  binary: { sqlType: () => "BYTEA", toDriver: (value: Uint8Array) => Buffer.from(value), fromDriver: toBytes },
  blob: { sqlType: () => "BYTEA", toDriver: (value: Uint8Array) => Buffer.from(value), fromDriver: toBytes },
};

const forms: Record<DialectName, Record<Kind, Form>> = { sqlite, mysql, postgres };

export function formOf(dialect: DialectName, spec: ColumnSpec): Form {
  return forms[dialect][spec.kind];
}
