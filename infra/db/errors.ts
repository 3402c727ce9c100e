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

  constructor(kind: DbErrorKind, message: string, options: { cause?: unknown; constraint?: string | undefined } = {}) {
    super(message, { cause: options.cause });
    this.name = "DbError";
    this.kind = kind;
    this.constraint = options.constraint;
  }
}

interface DriverError {
  code: string;
  message: string;
}

/** Finds the driver's own error below the wrappers of the query layer. */
function driverError(error: unknown): DriverError | undefined {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth += 1, at = at.cause) {
    if ("code" in at && typeof at.code === "string") return { code: at.code, message: at.message };
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
  const found = driverError(error);
  if (error instanceof DbError || !found?.code.startsWith("SQLITE_")) return error;
  const { code, message } = found;
  if (sqliteUnique.has(code)) {
    const constraint = /constraint failed: (.*)$/.exec(message)?.[1];
    return new DbError("unique", message, { cause: error, constraint });
  }
  if (sqliteData.has(code)) return new DbError("data", message, { cause: error });
  return new DbError(sqliteUnavailable.test(code) ? "unavailable" : "other", message, { cause: error });
}

const mysqlUnique = new Set(["ER_DUP_ENTRY", "ER_DUP_ENTRY_WITH_KEY_NAME", "ER_DUP_KEY"]);
const mysqlData = new Set([
  "ER_DATA_TOO_LONG",
  "ER_WARN_DATA_OUT_OF_RANGE",
  "ER_DATA_OUT_OF_RANGE",
  "ER_TRUNCATED_WRONG_VALUE",
  "ER_TRUNCATED_WRONG_VALUE_FOR_FIELD",
  "ER_INVALID_CHARACTER_STRING",
  "ER_CANT_CREATE_GEOMETRY_OBJECT",
  "ER_INVALID_JSON_TEXT",
  "ER_CHECK_CONSTRAINT_VIOLATED",
  "ER_CONSTRAINT_FAILED",
  "ER_BAD_NULL_ERROR",
]);
const mysqlOther = new Set(["ER_PARSE_ERROR", "ER_NO_SUCH_TABLE", "ER_BAD_FIELD_ERROR", "ER_WRONG_VALUE_COUNT_ON_ROW"]);

/** Everything that is not listed repeats the whole transaction (spec 40 §7). */
export function fromMysql(error: unknown): unknown {
  const found = driverError(error);
  if (error instanceof DbError || !found) return error;
  const { code, message } = found;
  if (mysqlUnique.has(code)) {
    const constraint = /for key '(?:[^'.]*\.)?([^']*)'/.exec(message)?.[1];
    return new DbError("unique", message, { cause: error, constraint });
  }
  if (mysqlData.has(code)) return new DbError("data", message, { cause: error });
  return new DbError(mysqlOther.has(code) ? "other" : "unavailable", message, { cause: error });
}

export function fromPostgres(error: unknown): unknown {
  const found = driverError(error);
  if (error instanceof DbError || !found) return error;
  const { code, message } = found;
  if (code === "23505") {
    const constraint = /constraint "([^"]*)"/.exec(message)?.[1];
    return new DbError("unique", message, { cause: error, constraint });
  }
  // Class 22: data exception; 23502 not null, 23514 check; 42: syntax or access.
  if (code.startsWith("22") || code === "23502" || code === "23514")
    return new DbError("data", message, { cause: error });
  return new DbError(code.startsWith("42") ? "other" : "unavailable", message, { cause: error });
}
