/** What a caller can do about a refused statement or transaction:
 *  - `unique`: a unique key is taken; nothing of the transaction is stored.
 *  - `data`: the database will never take these values (too long, out of range, invalid text, check violated).
 *  - `unavailable`: busy, locked, disconnected, disk full, or the outcome of COMMIT is unknown; repeat the whole transaction.
 *  - `other`: a statement that is wrong in itself; a programmer's error. */
export type DbErrorKind = "unique" | "data" | "unavailable" | "other";

export class DbError extends Error {
  readonly kind: DbErrorKind;
  /** The key or column the database named, as far as it did: `messages.conversation_id, messages.seq_id`, `uk_username`. */
  readonly constraint: string | undefined;
  /** True for a deadlock or a lock wait that was too long: the server is there, others were in the way. */
  readonly contention: boolean;

  constructor(
    kind: DbErrorKind,
    message: string,
    options: { cause?: unknown; constraint?: string | undefined; contention?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "DbError";
    this.kind = kind;
    this.constraint = options.constraint;
    this.contention = options.contention ?? false;
  }
}

/** Fields of the drivers' errors that hold values of rows or whole statements: they belong in no log. */
const tellingFields = ["sql", "detail", "where", "internalQuery"];

function withoutValues(error: DriverError): DriverError {
  for (const field of tellingFields) if (field in error) Reflect.deleteProperty(error, field);
  return error;
}

type DriverError = Error & { readonly code: string; readonly errno?: unknown; readonly constraint?: unknown };

/** Finds our own error or the driver's below the wrappers of the query layer. */
function innerError(error: unknown): DbError | DriverError | undefined {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth += 1, at = at.cause) {
    if (at instanceof DbError) return at;
    if ("code" in at && typeof at.code === "string") return withoutValues(at as DriverError);
  }
  return undefined;
}

const sqliteUnique = new Set(["SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"]);
const sqliteData = new Set([
  "SQLITE_CONSTRAINT_CHECK",
  "SQLITE_CONSTRAINT_NOTNULL",
  "SQLITE_CONSTRAINT_DATATYPE",
  "SQLITE_TOOBIG",
  "SQLITE_MISMATCH",
  "SQLITE_RANGE",
]);
const sqliteUnavailable =
  /^SQLITE_(BUSY|LOCKED|IOERR|FULL|NOMEM|CANTOPEN|READONLY|PROTOCOL|INTERRUPT|ABORT|CORRUPT|NOTADB)/;

/** bun:sqlite says so without a code. */
const sqliteClosed = /closed database|database has closed|statement has been finalized/i;

export function fromSqlite(error: unknown): unknown {
  if (error instanceof Error && !("code" in error) && sqliteClosed.test(error.message)) {
    return new DbError("unavailable", "the database is closed", { cause: error });
  }
  const found = innerError(error);
  if (found instanceof DbError) return found;
  if (!found?.code.startsWith("SQLITE_")) return error;
  const { code, message } = found;
  if (sqliteUnique.has(code)) {
    const constraint = /constraint failed: (.*)$/.exec(message)?.[1];
    return new DbError("unique", message, { cause: error, constraint });
  }
  if (sqliteData.has(code)) return new DbError("data", message, { cause: error });
  return new DbError(sqliteUnavailable.test(code) ? "unavailable" : "other", message, { cause: error });
}

/** What the drivers say without a code when a connection is gone. */
const lostText =
  /connection (?:terminated|lost|is in closed state|error)|in closed state|not queryable|was closed|timeout/i;

function lostConnection(error: unknown): unknown {
  if (!(error instanceof Error) || !lostText.test(error.message)) return error;
  return new DbError("unavailable", error.message, { cause: error });
}

// By number: the names of MariaDB's own errors are not known to the driver.
const mysqlUnique = new Set([1022, 1062, 1586, 1859]);
/** Lock wait timeout, deadlock. */
const mysqlContention = new Set([1205, 1213]);
const mysqlData = new Set([
  1048, // column cannot be null
  1264, // out of range
  1265, // data truncated
  1292, // incorrect date, time or number
  1300, // invalid character string
  1366, // incorrect value for the column's type or charset
  1406, // data too long
  1411, // incorrect value for a function
  1690, // expression out of range
  3140, // invalid JSON text
  3819, // check constraint violated
  3854, // cannot convert a string to the column's charset
  4025, // check constraint violated (MariaDB)
]);
const mysqlOther = new Set([
  1044, // access to the database denied
  1045, // access denied
  1049, // unknown database
  1054, // unknown column
  1064, // syntax
  1136, // wrong number of values
  1142, // command denied
  1146, // no such table
  1364, // field without a default
]);

/** Everything that is not listed repeats the whole transaction (spec 40 §7). */
export function fromMysql(error: unknown): unknown {
  const found = innerError(error);
  if (found === undefined || found instanceof DbError) return found ?? lostConnection(error);
  const { message } = found;
  const errno = Number(found.errno);
  if (mysqlUnique.has(errno)) {
    // The last quoted name: the value before it may hold anything.
    const constraint = /for key '(?:[^'.]*\.)?([^'.]*)'$/.exec(message)?.[1];
    return new DbError("unique", message, { cause: found, constraint });
  }
  if (mysqlData.has(errno)) return new DbError("data", message, { cause: found });
  const contention = mysqlContention.has(errno);
  return new DbError(mysqlOther.has(errno) ? "other" : "unavailable", message, { cause: found, contention });
}

/** Serialization failure, deadlock, lock not available. */
const postgresContention = new Set(["40001", "40P01", "55P03"]);
/** Access denied, no such database, syntax or access. */
const postgresOther = /^(?:28|3D|42)...$/;

export function fromPostgres(error: unknown): unknown {
  const found = innerError(error);
  if (found === undefined || found instanceof DbError) return found ?? lostConnection(error);
  const { code, message } = found;
  if (code === "23505") {
    const constraint = typeof found.constraint === "string" ? found.constraint : undefined;
    return new DbError("unique", message, { cause: found, constraint });
  }
  // Class 22: data exception; 23502 not null, 23514 check; 42: syntax or access.
  if (/^22...$/.test(code) || code === "23502" || code === "23514")
    return new DbError("data", message, { cause: found });
  const contention = postgresContention.has(code);
  return new DbError(postgresOther.test(code) ? "other" : "unavailable", message, { cause: found, contention });
}
