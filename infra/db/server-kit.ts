import { type SQL, sql } from "drizzle-orm";
import { createConnection } from "mysql2";
import pg from "pg";

/** What the live suite does to a server, as its administrator. */
export interface Server extends AsyncDisposable {
  /** The number of the connection that evaluates it. */
  readonly connectionId: SQL<unknown>;
  /** Keeps the server busy for `seconds`. */
  sleep(seconds: number): SQL<unknown>;
  /** Ends the connection of this number. */
  kill(id: unknown): Promise<void>;
  /** Ends every connection to the database. */
  killAll(): Promise<void>;
  /** Connections to the database. */
  connections(): Promise<number>;
  /** Lets the server confirm commits that it could lose, until disposed of. */
  makeUnsafe(): Promise<AsyncDisposable>;
}

type Rows = Record<string, unknown>[];

/** One connection without a database's port. */
export interface Admin extends AsyncDisposable {
  run(text: string): Promise<Rows>;
}

export async function connectAdmin(dsn: string): Promise<Admin> {
  if (dsn.startsWith("mysql")) {
    const connection = createConnection({ uri: dsn });
    const run = (text: string): Promise<Rows> =>
      new Promise((resolve, reject) => {
        connection.query(text, (error, rows) => (error ? reject(error) : resolve(rows as unknown as Rows)));
      });
    return { run, [Symbol.asyncDispose]: async () => connection.destroy() };
  }
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  return { run: async (text) => (await client.query(text)).rows, [Symbol.asyncDispose]: () => client.end() };
}

export async function connectServer(dsn: string, database: string): Promise<Server> {
  const admin = await connectAdmin(dsn);
  return dsn.startsWith("mysql") ? mysqlServer(admin, database) : postgresServer(admin, database);
}

function mysqlServer({ run, ...admin }: Admin, database: string): Server {
  const all = () => run(`SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = '${database}'`);
  const kill = async (id: unknown): Promise<void> => void (await run(`KILL ${String(id)}`));
  return {
    ...admin,
    connectionId: sql`connection_id()`,
    sleep: (seconds) => sql`sleep(${sql.raw(String(seconds))})`,
    kill,
    async killAll() {
      for (const { id } of await all()) await kill(id);
    },
    connections: async () => (await all()).length,
    async makeUnsafe() {
      await run("SET GLOBAL sync_binlog = 0");
      return { [Symbol.asyncDispose]: async () => void (await run("SET GLOBAL sync_binlog = 1")) };
    },
  };
}

function postgresServer({ run, ...admin }: Admin, database: string): Server {
  const all = () => run(`SELECT pid FROM pg_stat_activity WHERE datname = '${database}'`);
  const kill = async (id: unknown): Promise<void> => void (await run(`SELECT pg_terminate_backend(${String(id)})`));
  return {
    ...admin,
    connectionId: sql`pg_backend_pid()`,
    sleep: (seconds) => sql`pg_sleep(${sql.raw(String(seconds))})`,
    kill,
    async killAll() {
      for (const { pid } of await all()) await kill(pid);
    },
    connections: async () => (await all()).length,
    async makeUnsafe() {
      await run(`ALTER DATABASE ${database} SET synchronous_commit = off`);
      return { [Symbol.asyncDispose]: async () => void (await run(`ALTER DATABASE ${database} RESET ALL`)) };
    },
  };
}

/** Starts a process that locks the row `id` of the suite's table in a transaction and stays in it. Resolves once it holds the
 *  lock. */
export async function holdInChild(url: string, id: bigint): Promise<Bun.Subprocess> {
  const code = `
    const [{ conformanceTable }, { findMany, run }, { openTestDb }] = await Promise.all(
      ["conformance-tables", "steps", "testing"].map((name) => import("${import.meta.dir}/" + name + ".ts")),
    );
    const flags = { "db.lock_wait": "1s", "db.transaction_timeout": "2s" };
    const db = await openTestDb(${JSON.stringify(url)}, { flags, existing: true });
    const { items } = conformanceTable(db.dialect.name);
    await db.transaction(function* () {
      yield* findMany({ table: items, columns: { id: items.id }, by: [items.id], lock: true }, [[${id}n]]);
      process.stdout.write("locked");
      yield* run(Bun.sleep(60_000));
    });`;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) throw new Error("the process that holds a lock did not start");
  return child;
}
