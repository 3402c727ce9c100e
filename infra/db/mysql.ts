import { drizzle } from "drizzle-orm/mysql2";
import { type Connection, type ConnectionOptions, createConnection, type FieldPacket, type QueryOptions } from "mysql2";
import { type Answers, type AskPlan, answersOf, type Groups, type PackedAnswers, totalOf } from "./ask.ts";
import type { Db, Reads, Writes } from "./db.ts";
import { mysqlDialect } from "./dialect.ts";
import type { ServerAddress } from "./dsn.ts";
import { DbError } from "./errors.ts";
import { Link } from "./link.ts";
import { unpackerOf } from "./mysql-pack.ts";
import { askStatement, findStatements, type Rows, type Statement, scanStatement, stepsMessage } from "./mysql-steps.ts";
import { createServerDb, type ScriptConnection, type ServerConnection } from "./server.ts";
import { type ServerOptions, scriptLockMs } from "./server-options.ts";
import { countStatements } from "./statement-count.ts";
import { found } from "./statements.ts";
import { type FindPlan, isPlanned, type PlannedStep, type ScanPlan, type ScanRange } from "./steps.ts";

type Answer = [rows: unknown, fields: FieldPacket[] | undefined];

/** An idle connection is pinged so often, ms; the server ends one that it does not hear of for a second more than a
 *  transaction may take, so that a process that was stopped holds no locks. */
const keepAliveMs = 2000;

const sqlMode = "STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO";

function settingsOf(address: ServerAddress, options: ServerOptions): ConnectionOptions {
  const { host, port, user, password, database, tls } = address;
  return {
    host,
    port,
    user,
    password,
    database,
    ...(tls === "off" ? {} : { ssl: { rejectUnauthorized: tls === "on" } }),
    charset: "utf8mb4_unicode_ci",
    timezone: "Z",
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    connectTimeout: options.connectMs,
    enableKeepAlive: true,
    // Steps that need nothing of each other leave in one message; every value in them is escaped here or by the driver.
    multipleStatements: true,
  };
}

/** Ends another connection of ours on the server, as far as that can be reached. */
function kill(settings: ConnectionOptions, threadId: number): void {
  const connection = createConnection(settings);
  const done = (): void => connection.destroy();
  connection.on("error", done);
  connection.query(`KILL ${threadId}`, done);
}

function open(address: ServerAddress, options: ServerOptions): Promise<{ connection: Connection; link: Link }> {
  const settings = settingsOf(address, options);
  const connection = createConnection(settings);
  const link = new Link({
    close: () => connection.destroy(),
    abandon: () => kill(settings, connection.threadId),
    classify: mysqlDialect.classify,
    took: options.took,
  });
  const lost = (error: unknown): void =>
    link.destroy(new DbError("unavailable", "the connection to the database was lost", { cause: error }));
  return new Promise((resolve, reject) => {
    connection.on("error", (error) => {
      lost(error);
      reject(mysqlDialect.classify(error));
    });
    connection.on("end", () => lost(undefined));
    connection.connect((error) => (error ? reject(mysqlDialect.classify(error)) : resolve({ connection, link })));
  });
}

/** What both kinds of connection do. */
class MysqlBase {
  readonly link: Link;
  protected readonly connection: Connection;

  constructor(link: Link, connection: Connection) {
    this.link = link;
    this.connection = connection;
  }

  get alive(): boolean {
    return this.link.alive;
  }

  /** Sends one statement as text; `values` are put in their places by the driver. */
  send(options: QueryOptions, values: readonly unknown[] | undefined, label: string): Promise<Answer> {
    const work = (): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const answer = (error: Error | null, rows: unknown, fields: FieldPacket[]): void => {
          if (error) reject(error);
          else resolve([rows, fields]);
        };
        if (values === undefined) this.connection.query(options, answer);
        else this.connection.query(options, [...values], answer);
      });
    return this.link.run(label, work);
  }

  async plain(text: string): Promise<Record<string, unknown>[]> {
    const [rows] = await this.send({ sql: text }, undefined, text.slice(0, 200));
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
  }

  async ping(): Promise<void> {
    await this.plain("select 1");
  }

  get lost(): boolean {
    return this.link.lost;
  }

  destroy(reason?: DbError): void {
    this.link.destroy(reason);
  }
}

const nowText = "select cast(unix_timestamp(sysdate(3)) * 1000 as signed)";

/** drizzle over anything that sends a statement. */
function drizzleOver(send: MysqlBase["send"]): Writes {
  const query = (options: QueryOptions, values?: unknown[]) => send(options, values, options.sql);
  return drizzle({ client: { query } as never }) as unknown as Writes;
}

class MysqlConnection extends MysqlBase implements ServerConnection {
  readonly #clock: (() => number) | undefined;
  /** START TRANSACTION leaves with the first statement. */
  #starting = false;
  readonly q: Writes = drizzleOver((options, values, label) => this.send(options, values, label));

  constructor(link: Link, connection: Connection, clock: (() => number) | undefined) {
    super(link, connection);
    this.#clock = clock;
  }

  override async send(options: QueryOptions, values: readonly unknown[] | undefined, label: string): Promise<Answer> {
    if (!this.#starting) return await super.send(options, values, label);
    this.#starting = false;
    const both = { ...options, sql: `START TRANSACTION; ${options.sql}` };
    const [results] = (await super.send(both, values, label)) as [unknown[], unknown];
    // Nobody asks for the fields.
    return [results.length === 2 ? results[1] : results.slice(1), undefined];
  }

  async #rows({ text, label }: Statement): Promise<Rows> {
    const [rows] = await this.send({ sql: text, rowsAsArray: true }, undefined, label);
    return rows as Rows;
  }

  async find(plan: FindPlan, keys: readonly (readonly unknown[])[]): Promise<Record<string, unknown>[]> {
    const all: Record<string, unknown>[] = [];
    for (const statement of findStatements(plan, keys)) all.push(...found(plan, await this.#rows(statement)));
    return all;
  }

  async scan(plan: ScanPlan, range: ScanRange): Promise<Record<string, unknown>[]> {
    return found(plan, await this.#rows(scanStatement(plan, range)));
  }

  async ask<G extends Groups>(plan: AskPlan<G>, values: readonly unknown[]): Promise<Answers<G>> {
    return await answersOf(plan, await this.#rows(askStatement(plan, values)), () => this.now(), this.#clock);
  }

  async askPacked<G extends Groups>(plan: AskPlan<G>, values: readonly unknown[]): Promise<PackedAnswers<G>> {
    const rows = await this.#rows(askStatement(plan, values, true));
    const [first] = rows;
    const nowMs = first === undefined || this.#clock !== undefined ? await this.now() : Number(first[0]);
    const keys = rows.map(([, , packed]) => {
      // Of what is larger than a packet MySQL makes NULL.
      if (typeof packed !== "string") throw new DbError("other", "a row is larger than max_allowed_packet");
      return packed;
    });
    return { keys, row: unpackerOf(plan), total: totalOf(rows), nowMs };
  }

  async now(): Promise<number> {
    if (this.#clock !== undefined) return this.#clock();
    return Number((await this.#rows({ text: nowText, label: nowText }))[0]?.[0]);
  }

  async run(yielded: unknown): Promise<unknown> {
    if (isPlanned(yielded)) return await this.#step(yielded);
    const answer = await this.#query(yielded as PromiseLike<unknown>);
    // A statement without rows gives a header, a query its rows.
    const header: unknown = Array.isArray(answer) ? answer[0] : undefined;
    if (typeof header !== "object" || header === null || !("affectedRows" in header)) return answer;
    return { changes: Number(header.affectedRows) };
  }

  async #query(query: PromiseLike<unknown>): Promise<unknown> {
    try {
      return await query;
    } catch (error) {
      // drizzle wraps ours, with every value in the message.
      throw mysqlDialect.classify(error);
    }
  }

  async #step(step: PlannedStep): Promise<unknown> {
    const steps = step.step === "together" ? step.steps : [step];
    const { statement, count, resultsOf } = stepsMessage(steps, nowText, this.#clock);
    const answer = count === 0 ? [] : await this.#rows(statement);
    const results = resultsOf(count === 1 ? [answer] : (answer as unknown as Rows[]));
    return step.step === "together" ? results : results[0];
  }

  /** Sends nothing yet. */
  begin(): Promise<void> {
    this.#starting = true;
    return Promise.resolve();
  }

  async commit(): Promise<void> {
    await this.plain("COMMIT");
  }

  async rollback(): Promise<void> {
    this.#starting = false;
    await this.plain("ROLLBACK");
  }

  limited<T>(limitMs: number, what: string, work: () => Promise<T>): Promise<T> {
    return this.link.limited(limitMs, what, work);
  }
}

class MysqlScript extends MysqlBase implements ScriptConnection {
  readonly #lock: string;

  constructor(link: Link, connection: Connection, database: string) {
    super(link, connection);
    // Locks are the server's, not the database's; their names are short.
    this.#lock = `gochat.migrate.${Bun.hash.wyhash(database).toString(16)}`;
  }

  async beginScript(): Promise<void> {
    const [row] = await this.plain(`SELECT GET_LOCK('${this.#lock}', ${scriptLockMs / 1000}) AS locked`);
    if (Number(row?.locked) !== 1) throw new DbError("unavailable", "another process has long been migrating");
  }

  execute(text: string): Promise<Record<string, unknown>[]> {
    return this.plain(text);
  }

  async commitScript(): Promise<void> {
    await this.plain(`SELECT RELEASE_LOCK('${this.#lock}')`);
  }
}

/** Sets what every session needs and checks that the server took it. */
async function setUp(base: MysqlBase, options: ServerOptions, patient: boolean): Promise<void> {
  const idleS = patient ? 28_800 : Math.ceil(options.transactionMs / 1000) + 1;
  const queryS = patient ? 0 : Math.ceil(options.queryMs / 1000);
  const [server] = await base.plain("SELECT VERSION() AS version");
  // A running SELECT is ended by the server too; a write waits for locks at most.
  const limit = String(server?.version).includes("MariaDB")
    ? `max_statement_time = ${queryS}`
    : `max_execution_time = ${queryS * 1000}`;
  await base.plain(
    `SET SESSION sql_mode = '${sqlMode}', time_zone = '+00:00', ${limit}, wait_timeout = ${idleS}, ` +
      `lock_wait_timeout = 60, innodb_lock_wait_timeout = ${Math.max(1, Math.round(options.lockWaitMs / 1000))}`,
  );
  await base.plain("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  // MySQL 8 and MariaDB 11 have one name, MariaDB 10 the other.
  const rows = await base.plain(
    "SHOW SESSION VARIABLES WHERE Variable_name IN ('transaction_isolation', 'tx_isolation')",
  );
  if (rows.length === 0 || rows.some((row) => row.Value !== "READ-COMMITTED")) {
    throw new DbError("other", "the server does not take READ COMMITTED for a session");
  }
}

/** The port on MySQL 8 and 9 and on MariaDB. Connects with the first use; `prepareMysql` looks at the server before. */
export function createMysqlDb(address: ServerAddress, given: ServerOptions): Db {
  const { options, statements } = countStatements(given);
  async function ready<B extends MysqlBase>(make: (link: Link, connection: Connection) => B, patient: boolean) {
    const { link, connection } = await open(address, options);
    const base = make(link, connection);
    try {
      await link.limited(options.connectMs, "the set-up of a session", () => setUp(base, options, patient));
    } catch (error) {
      base.destroy();
      throw error;
    }
    return base;
  }
  return createServerDb<MysqlConnection>(
    {
      dialect: mysqlDialect,
      open: () => ready((link, connection) => new MysqlConnection(link, connection, options.clock), false),
      openScript: () => ready((link, connection) => new MysqlScript(link, connection, address.database), true),
      askPacked: (connection, plan, values) => connection.askPacked(plan, values),
      reads: (use): Reads => drizzleOver((given, values, label) => use((one) => one.send(given, values, label))),
    },
    options,
    { ...options.pool, keepAliveMs: Math.min(keepAliveMs, options.transactionMs / 2) },
    statements,
  );
}

/** Looks at a server before its database is used: whether it answers, has the database, could lose a commit. */
export async function inspectMysql(
  address: ServerAddress,
  options: ServerOptions & { createDatabase: boolean },
): Promise<{ version: string; unsafe: string[] }> {
  // Without rights to create one, the database is there already: who may use it alone can connect to nothing else.
  const database = options.createDatabase ? "" : address.database;
  const { link, connection } = await open({ ...address, database }, options);
  const base = new MysqlBase(link, connection);
  try {
    if (options.createDatabase) {
      await base.plain(
        `CREATE DATABASE IF NOT EXISTS \`${address.database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`,
      );
    }
    const names = ["version", "log_bin", "sync_binlog", "innodb_flush_log_at_trx_commit"];
    const rows = await base.plain(
      `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names.map((name) => `'${name}'`).join(", ")})`,
    );
    const settings = new Map(rows.map((row) => [String(row.Variable_name), String(row.Value)]));
    const wanted = { log_bin: "ON", sync_binlog: "1", innodb_flush_log_at_trx_commit: "1" };
    const unsafe = Object.entries(wanted)
      .filter(([name, value]) => settings.get(name) !== value)
      .map(([name, value]) => `${name} is ${settings.get(name) ?? "not known"}, must be ${value}`);
    return { version: `MySQL ${settings.get("version") ?? ""}`, unsafe };
  } finally {
    base.destroy();
  }
}
