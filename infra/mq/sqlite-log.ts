import { Database, type Statement } from "bun:sqlite";

/** The file of the durable topics: records by partition and offset, offsets by group. One process at a time; it is
 *  locked as long as it is open. Nothing here waits, everything may throw SQLite's errors. */
export interface SqliteLog {
  /** The partitions of a topic, made when they are new. Throws when there is another number of them. */
  openTopic(name: string, partitions: number): PartitionRow[];
  /** Runs `body` between BEGIN IMMEDIATE and COMMIT; a throw rolls back. */
  transaction(body: () => void): void;
  insert(log: number, offset: number, record: StoredRecord): void;
  setNext(log: number, next: number): void;
  /** Up to `recordsMax` records and `bytesMax` bytes from `from` on, at least one if there is one. */
  read(log: number, from: number, recordsMax: number, bytesMax: number): ReadRecord[];
  committed(group: string, log: number): number | undefined;
  commit(group: string, log: number, next: number): void;
  /** Removes up to `recordsMax` records from the front that are older. Returns the first offset left (`next` if none). */
  expire(log: number, next: number, beforeMs: number, recordsMax: number): number;
  /** Removes `count` records from the front. Returns the first offset left (`next` if none). */
  trim(log: number, next: number, count: number): number;
  /** When the first record was produced, Unix ms. */
  oldestMs(log: number): number | undefined;
  /** Bytes of the file that hold something. */
  usedBytes(): number;
  close(): void;
}

export interface PartitionRow {
  /** Number of the partition in this file. */
  readonly log: number;
  readonly first: number;
  readonly next: number;
}

export interface StoredRecord {
  readonly key: string | undefined;
  readonly value: Uint8Array;
  /** JSON object. */
  readonly headers: string;
  readonly producedAtMs: number;
}

export interface ReadRecord extends StoredRecord {
  readonly offset: number;
}

// One B-tree for all records: the high bits of the key are the partition, the low 40 the offset. So a partition is one
// range that is appended to at its end, and no second index has to be kept.
const offsetBits = 40n;

const schema = `
  CREATE TABLE IF NOT EXISTS logs (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    UNIQUE (topic, partition)) STRICT;
  CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, produced_at_ms INTEGER NOT NULL, key TEXT, headers TEXT NOT NULL, value BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS offsets (
    consumer TEXT NOT NULL, log INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (consumer, log)) STRICT, WITHOUT ROWID;
`;

interface RecordRow {
  id: bigint;
  produced_at_ms: bigint;
  key: string | null;
  headers: string;
  value: Uint8Array;
}

/** `fsync`: `batch` syncs every group commit, so it survives power loss; `os` survives a killed process. */
export function openSqliteLog(file: string, fsync: "batch" | "os"): SqliteLog {
  const db = new Database(file, { create: true, readwrite: true, safeIntegers: true, strict: true });
  try {
    if (file !== ":memory:") db.run("PRAGMA locking_mode=EXCLUSIVE");
    db.run("PRAGMA journal_mode=WAL");
    db.run(`PRAGMA synchronous=${fsync === "batch" ? "FULL" : "NORMAL"}`);
    db.run(schema);
    // The exclusive lock is taken by the first write.
    db.run("BEGIN IMMEDIATE");
    db.run("COMMIT");
  } catch (error) {
    db.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) {
      throw new Error(`the log file ${file} is in use by another process`, { cause: error });
    }
    throw error;
  }
  return bindLog(db);
}

function bindLog(db: Database): SqliteLog {
  const sql = {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    logs: db.prepare<{ id: bigint; next: bigint }, [string]>(
      "SELECT id, next FROM logs WHERE topic = ? ORDER BY partition",
    ),
    addLog: db.prepare("INSERT INTO logs (topic, partition, next) VALUES (?, ?, 0)"),
    setNext: db.prepare("UPDATE logs SET next = ?2 WHERE id = ?1"),
    insert: db.prepare("INSERT INTO records (id, produced_at_ms, key, headers, value) VALUES (?, ?, ?, ?, ?)"),
    read: db.prepare<RecordRow, [bigint, bigint, number]>(
      "SELECT id, produced_at_ms, key, headers, value FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
    ),
    first: db.prepare<{ id: bigint; produced_at_ms: bigint }, [bigint, bigint]>(
      "SELECT id, produced_at_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
    ),
    firstSince: db.prepare<{ id: bigint }, [bigint, bigint, number]>(
      "SELECT id FROM records WHERE id >= ? AND id < ? AND produced_at_ms >= ? ORDER BY id LIMIT 1",
    ),
    remove: db.prepare("DELETE FROM records WHERE id >= ? AND id < ?"),
    committed: db.prepare<{ next: bigint }, [string, number]>(
      "SELECT next FROM offsets WHERE consumer = ? AND log = ?",
    ),
    setCommitted: db.prepare(
      "INSERT INTO offsets (consumer, log, next) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
    ),
    pages: db.prepare<{ bytes: bigint }, []>(
      `SELECT (p.page_count - f.freelist_count) * s.page_size AS bytes
       FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`,
    ),
  };

  const firstOf = (log: number, next: number): number => {
    const row = sql.first.get(idOf(log, 0), idOf(log + 1, 0));
    return row === null ? next : offsetOf(row.id);
  };

  function transaction(body: () => void): void {
    sql.begin.run();
    try {
      body();
      sql.commit.run();
    } catch (error) {
      if (db.inTransaction) db.run("ROLLBACK");
      throw error;
    }
  }

  return {
    transaction,
    openTopic(name, partitions) {
      if (sql.logs.all(name).length === 0) {
        transaction(() => {
          for (let partition = 0; partition < partitions; partition++) sql.addLog.run(name, partition);
        });
      }
      const rows = sql.logs.all(name);
      if (rows.length !== partitions) {
        throw new Error(`topic ${name} has ${rows.length} partitions, not ${partitions}`);
      }
      return rows.map((row) => {
        const log = Number(row.id);
        const next = Number(row.next);
        return { log, first: firstOf(log, next), next };
      });
    },
    insert(log, offset, record) {
      sql.insert.run(idOf(log, offset), record.producedAtMs, record.key ?? null, record.headers, record.value);
    },
    setNext(log, next) {
      sql.setNext.run(log, next);
    },
    read: (log, from, recordsMax, bytesMax) => readRows(sql.read, log, from, recordsMax, bytesMax),
    committed(group, log) {
      const row = sql.committed.get(group, log);
      return row === null ? undefined : Number(row.next);
    },
    commit(group, log, next) {
      sql.setCommitted.run(group, log, next);
    },
    expire(log, next, beforeMs, recordsMax) {
      const from = idOf(log, 0);
      const first = firstOf(log, next);
      const keep = sql.firstSince.get(from, idOf(log + 1, 0), beforeMs);
      const until = Math.min(keep === null ? next : offsetOf(keep.id), first + recordsMax);
      if (until > first) sql.remove.run(from, idOf(log, until));
      return Math.max(first, until);
    },
    trim(log, next, count) {
      const until = Math.min(next, firstOf(log, next) + count);
      sql.remove.run(idOf(log, 0), idOf(log, until));
      return until;
    },
    oldestMs(log) {
      const row = sql.first.get(idOf(log, 0), idOf(log + 1, 0));
      return row === null ? undefined : Number(row.produced_at_ms);
    },
    usedBytes: () => Number(sql.pages.get()?.bytes ?? 0n),
    close() {
      for (const statement of Object.values(sql)) statement.finalize();
      db.close();
    },
  };
}

function readRows(
  statement: Statement<RecordRow, [bigint, bigint, number]>,
  log: number,
  from: number,
  recordsMax: number,
  bytesMax: number,
): ReadRecord[] {
  const records: ReadRecord[] = [];
  let bytes = 0;
  for (const row of statement.iterate(idOf(log, from), idOf(log + 1, 0), recordsMax)) {
    bytes += row.value.byteLength;
    if (bytes > bytesMax && records.length > 0) break;
    records.push({
      offset: offsetOf(row.id),
      key: row.key ?? undefined,
      value: row.value,
      headers: row.headers,
      producedAtMs: Number(row.produced_at_ms),
    });
  }
  return records;
}

function idOf(log: number, offset: number): bigint {
  return (BigInt(log) << offsetBits) | BigInt(offset);
}

function offsetOf(id: bigint): number {
  return Number(id & ((1n << offsetBits) - 1n));
}
