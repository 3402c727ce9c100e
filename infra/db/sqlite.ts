import { Database, type Statement } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { Db, Reads, Tx, Writes } from "./db.ts";
import { sqliteDialect } from "./dialect.ts";
import { DbError, fromSqlite } from "./errors.ts";
import { createGroupCommit } from "./group-commit.ts";
import { createStepRunner } from "./sqlite-steps.ts";
import { isPlanned, type Steps } from "./steps.ts";

export interface SqliteOptions {
  /** Path of the database file, or ":memory:" (tests). */
  file: string;
  /** Transaction bodies that may wait for the writer; more are refused. */
  waitingMax?: number;
  /** Another process holding the file is waited for this long, ms. */
  busyTimeoutMs?: number;
  /** The clock that stands for the database's own. */
  clock?: () => number;
}

const statementsMax = 256;

/** drizzle prepares every query anew; this keeps the last `statementsMax` statements by their text. */
function cachedPrepare(client: Database, prepared: () => void): Database {
  const statements = new Map<string, Statement>();
  const prepare = (text: string): Statement => {
    prepared();
    const statement = statements.get(text) ?? client.prepare(text);
    // The last used is the last of the map. An old one is only forgotten: somebody may hold it.
    statements.delete(text);
    statements.set(text, statement);
    if (statements.size > statementsMax) statements.delete(statements.keys().next().value ?? "");
    return statement;
  };
  return new Proxy(client, { get: (target, name) => (name === "prepare" ? prepare : Reflect.get(target, name)) });
}

/** A database in memory has one connection; a file has a second one that only reads. */
function openFile(options: SqliteOptions): { writer: Database; reader: Database } {
  const memory = options.file === ":memory:";
  const open = (readonly: boolean): Database => {
    const client = new Database(options.file, { create: true, readwrite: true, safeIntegers: true });
    client.run(`PRAGMA busy_timeout = ${options.busyTimeoutMs ?? 5000}`);
    if (!readonly) client.run("PRAGMA journal_mode = WAL");
    client.run("PRAGMA synchronous = FULL");
    // Pages, 16 MiB: a page that many commits touch is copied into the database once, not at every fourth megabyte.
    client.run("PRAGMA wal_autocheckpoint = 4096");
    // KiB. What the reader does not keep, the page cache of the system has, at 1 µs a page. With 64 MiB it kept 0.5 KB for every
    // session that signed in.
    client.run(`PRAGMA cache_size = -${readonly ? 4096 : 65_536}`);
    // What a savepoint may have to undo stays in memory: it used to make and remove a file in every larger transaction.
    client.run("PRAGMA temp_store = MEMORY");
    if (readonly) client.run("PRAGMA query_only = ON");
    return client;
  };
  const writer = open(false);
  return { writer, reader: memory ? writer : open(true) };
}

/** Drives one body to its end without ever leaving this turn of the event loop. What a statement refused, the body cannot
 *  undo by catching: it fails. */
function drive<T>(body: Steps<T>, execute: (yielded: unknown) => unknown): T {
  let refused: { error: unknown } | undefined;
  let next = body.next();
  while (!next.done) {
    let result: unknown;
    try {
      result = execute(next.value);
    } catch (caught) {
      const error = fromSqlite(caught);
      refused ??= { error };
      next = body.throw(error);
      continue;
    }
    next = body.next(result);
  }
  if (refused !== undefined) throw refused.error;
  return next.value;
}

interface Prepared {
  execute(): { sync(): unknown };
}

/** What every drizzle builder of the synchronous session has, besides its types. */
function runQuery(query: unknown): unknown {
  return (query as { prepare(): Prepared }).prepare().execute().sync();
}

/** Opens the embedded database: WAL, `synchronous=FULL`, exact 64-bit integers, one writer and one reader connection in
 *  this thread. Throws DbError `unavailable` when the file cannot be opened or written. */
export function createSqliteDb(options: SqliteOptions): Db {
  const clock = options.clock ?? Date.now;
  let connections: { writer: Database; reader: Database };
  try {
    connections = openFile(options);
  } catch (error) {
    throw new DbError("unavailable", `cannot open the database ${options.file}: ${String(error)}`, { cause: error });
  }
  const { writer, reader } = connections;
  // drizzle prepares a query each time it runs one.
  let queries = 0;
  const counted = (): void => {
    queries += 1;
  };
  const tx: Tx = {
    q: drizzle({ client: cachedPrepare(writer, counted) }) as unknown as Writes,
    dialect: sqliteDialect,
  };
  const reads = drizzle({ client: cachedPrepare(reader, counted) }) as unknown as Reads;
  const writeSteps = createStepRunner(writer, clock);
  const readSteps = createStepRunner(reader, clock);
  const execute = (yielded: unknown): unknown => (isPlanned(yielded) ? writeSteps.execute(yielded) : runQuery(yielded));
  const group = createGroupCommit(writer, options.waitingMax ?? 10_000);
  let scripts: Promise<unknown> = Promise.resolve();

  const script: Db["script"] = (body) => {
    const work = async (): Promise<void> => {
      await group.exclusive(async () => {
        writer.run("BEGIN IMMEDIATE");
        try {
          await body(async (text) => {
            // Rows come only from single statements that give some.
            if (/^\s*(select|pragma|explain)/i.test(text))
              return writer.prepare(text).all() as Record<string, unknown>[];
            writer.run(text);
            return [];
          });
          writer.run("COMMIT");
        } catch (error) {
          if (writer.inTransaction) writer.run("ROLLBACK");
          throw fromSqlite(error);
        }
      });
    };
    const done = scripts.then(work, work);
    scripts = done;
    return done;
  };

  return {
    dialect: sqliteDialect,
    q: reads,
    async find(plan, keys) {
      try {
        return readSteps.find(plan, keys) as never;
      } catch (error) {
        throw fromSqlite(error);
      }
    },
    async scan(plan, range) {
      try {
        return readSteps.scan(plan, range) as never;
      } catch (error) {
        throw fromSqlite(error);
      }
    },
    async ask(plan, values) {
      try {
        return readSteps.ask(plan, values);
      } catch (error) {
        throw fromSqlite(error);
      }
    },
    transaction: (body) => group.add(() => drive(body(tx), execute)),
    now: async () => clock(),
    script,
    async ping() {
      try {
        reader.run("select 1");
      } catch (error) {
        throw fromSqlite(error);
      }
    },
    stats: () => ({ ...group.stats(), statements: queries + readSteps.count + writeSteps.count }),
    async [Symbol.asyncDispose]() {
      await group.close();
      if (reader !== writer) reader.close();
      writer.close();
    },
  };
}
