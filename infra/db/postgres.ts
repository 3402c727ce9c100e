import { drizzle } from "drizzle-orm/node-postgres";
import pg, {
  type ClientConfig,
  type QueryArrayConfig,
  type QueryArrayResult,
  type QueryConfig,
  type QueryResult,
} from "pg";
import { type Answers, type AskPlan, answersOf, type Groups } from "./ask.ts";
import type { Db, Reads, Writes } from "./db.ts";
import { postgresDialect } from "./dialect.ts";
import type { ServerAddress } from "./dsn.ts";
import { DbError, fromPostgres } from "./errors.ts";
import { Link } from "./link.ts";
import {
  askStatement,
  deleteStatement,
  findStatement,
  insertStatement,
  type Statement,
  scanStatement,
  updateStatement,
} from "./postgres-steps.ts";
import { createServerDb, type ScriptConnection, type ServerConnection } from "./server.ts";
import { type ServerOptions, scriptLockMs } from "./server-options.ts";
import { countStatements } from "./statement-count.ts";
import { found } from "./statements.ts";
import { type FindPlan, isPlanned, type PlannedStep, type ScanPlan, type ScanRange } from "./steps.ts";

/** An idle connection is pinged so often, ms. */
const keepAliveMs = 20_000;
/** The advisory lock of migrations; one number per database server and database. */
const scriptLock = 0x60c4a7;

const asText = (value: string): string => value;
const asFlag = (value: string): boolean => value === "t";

/** The schema's columns read text themselves, exactly; only what has a form of its own on the wire is parsed here. */
const planTypes = {
  getTypeParser: ((oid: number) => {
    if (oid === pg.types.builtins.BOOL) return asFlag;
    return oid === pg.types.builtins.BYTEA ? pg.types.getTypeParser(oid) : asText;
  }) as typeof pg.types.getTypeParser,
};

type Native = QueryConfig | QueryArrayConfig;

function settingsOf(address: ServerAddress, options: ServerOptions): ClientConfig {
  const { host, port, user, password, database, tls } = address;
  return {
    host,
    port,
    user,
    password,
    database,
    ...(tls === "off" ? {} : { ssl: { rejectUnauthorized: tls === "on" } }),
    connectionTimeoutMillis: options.connectMs,
    keepAlive: true,
    application_name: "gochat",
  };
}

/** Ends another connection of ours on the server, as far as that can be reached. */
async function kill(settings: ClientConfig, pid: number): Promise<void> {
  const client = new pg.Client(settings);
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query(`SELECT pg_terminate_backend(${pid})`);
    await client.end();
  } catch {
    // The server ends it by its own limits, later.
  }
}

function open(address: ServerAddress, options: ServerOptions): Promise<{ client: pg.Client; link: Link }> {
  const settings = settingsOf(address, options);
  const client = new pg.Client(settings);
  const pid = (): number => ("processID" in client ? Number(client.processID) : 0);
  const link = new Link({
    close: () => void client.end().catch(() => undefined),
    abandon: () => void kill(settings, pid()),
    classify: fromPostgres,
    took: options.took,
  });
  const lost = (error: unknown): void =>
    link.destroy(new DbError("unavailable", "the connection to the database was lost", { cause: error }));
  client.on("error", lost);
  client.on("end", () => lost(undefined));
  return client.connect().then(
    () => ({ client, link }),
    (error: unknown) => {
      throw fromPostgres(error);
    },
  );
}

/** What both kinds of connection do. */
class PostgresBase {
  readonly link: Link;
  protected readonly client: pg.Client;

  constructor(link: Link, client: pg.Client) {
    this.link = link;
    this.client = client;
  }

  get alive(): boolean {
    return this.link.alive;
  }

  send(config: Native, values: readonly unknown[] | undefined, label: string): Promise<QueryResult> {
    return this.link.run(label, () => this.client.query(config as QueryConfig, values as unknown[] | undefined));
  }

  async plain(text: string): Promise<QueryResult<Record<string, unknown>>> {
    return await this.send({ text }, undefined, text.slice(0, 200));
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

/** drizzle over anything that sends a statement. */
function drizzleOver(send: PostgresBase["send"]): Writes {
  const query = (config: Native, values?: unknown[]) => send(config, values, config.text);
  return drizzle({ client: { query } as never }) as unknown as Writes;
}

class PostgresConnection extends PostgresBase implements ServerConnection {
  readonly #clock: (() => number) | undefined;
  readonly q: Writes = drizzleOver((config, values, label) => this.send(config, values, label));

  constructor(link: Link, client: pg.Client, clock: (() => number) | undefined) {
    super(link, client);
    this.#clock = clock;
  }

  async #rows({ name, text, values }: Statement): Promise<unknown[][]> {
    const config = { name, text, rowMode: "array", types: planTypes } as const;
    const result: unknown = await this.send(config, values, text);
    return (result as QueryArrayResult).rows;
  }

  async find(plan: FindPlan, keys: readonly (readonly unknown[])[]): Promise<Record<string, unknown>[]> {
    return found(plan, await this.#rows(findStatement(plan, keys)));
  }

  async scan(plan: ScanPlan, range: ScanRange): Promise<Record<string, unknown>[]> {
    return found(plan, await this.#rows(scanStatement(plan, range)));
  }

  async ask<G extends Groups>(plan: AskPlan<G>, values: readonly unknown[]): Promise<Answers<G>> {
    return await answersOf(plan, await this.#rows(askStatement(plan, values)), () => this.now(), this.#clock);
  }

  async now(): Promise<number> {
    if (this.#clock !== undefined) return this.#clock();
    const text = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";
    return Number((await this.#rows({ name: "gochat_now", text, values: [] }))[0]?.[0]);
  }

  async run(yielded: unknown): Promise<unknown> {
    if (isPlanned(yielded)) return await this.#step(yielded);
    const answer = await this.#query(yielded as PromiseLike<unknown>);
    // A statement without rows gives the driver's whole result, a query its rows.
    if (Array.isArray(answer) || typeof answer !== "object" || answer === null) return answer;
    return { changes: "rowCount" in answer ? Number(answer.rowCount) : 0 };
  }

  async #query(query: PromiseLike<unknown>): Promise<unknown> {
    try {
      return await query;
    } catch (error) {
      // drizzle wraps ours, with every value in the message.
      throw postgresDialect.classify(error);
    }
  }

  async #step(step: PlannedStep): Promise<unknown> {
    if (step.step === "find") return await this.find(step.plan, step.keys);
    if (step.step === "now") return await this.now();
    if (step.step === "together") {
      const results: unknown[] = [];
      for (const one of step.steps) results.push(await this.#step(one));
      return results;
    }
    if (step.step === "delete") await this.#rows(deleteStatement(step));
    else await this.#rows(step.step === "update" ? updateStatement(step) : insertStatement(step));
    return undefined;
  }

  async begin(): Promise<void> {
    await this.plain("BEGIN");
  }

  async commit(): Promise<void> {
    const { command } = await this.plain("COMMIT");
    // A transaction in which a statement failed is rolled back by COMMIT, without an error.
    if (command !== "COMMIT") throw new DbError("unavailable", `COMMIT was answered ${command}`);
  }

  async rollback(): Promise<void> {
    await this.plain("ROLLBACK");
  }

  limited<T>(limitMs: number, what: string, work: () => Promise<T>): Promise<T> {
    return this.link.limited(limitMs, what, work);
  }
}

class PostgresScript extends PostgresBase implements ScriptConnection {
  async beginScript(): Promise<void> {
    await this.plain("BEGIN");
    await this.plain(`SELECT pg_advisory_xact_lock(${scriptLock})`);
  }

  async execute(text: string): Promise<Record<string, unknown>[]> {
    return (await this.plain(text)).rows ?? [];
  }

  async commitScript(): Promise<void> {
    await this.plain("COMMIT");
  }
}

/** Sets what every session needs and checks that the server took it. */
async function setUp(base: PostgresBase, options: ServerOptions, patient: boolean): Promise<void> {
  const lockMs = patient ? scriptLockMs : options.lockWaitMs;
  const statementMs = patient ? 0 : options.queryMs;
  // A process that was stopped in the middle of a transaction holds its locks no longer than this.
  const idleMs = patient ? 0 : options.transactionMs + 1000;
  await base.plain(
    `SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC'; SET datestyle = 'ISO';
     SET lock_timeout = ${lockMs}; SET statement_timeout = ${statementMs};
     SET idle_in_transaction_session_timeout = ${idleMs}; SET standard_conforming_strings = on`,
  );
  const { rows } = await base.plain(
    `SELECT current_setting('default_transaction_isolation') AS isolation, current_setting('server_encoding') AS encoding`,
  );
  if (rows[0]?.isolation !== "read committed")
    throw new DbError("other", "the server does not take READ COMMITTED for a session");
  if (rows[0]?.encoding !== "UTF8")
    throw new DbError("other", `the database is encoded in ${String(rows[0]?.encoding)}, must be UTF8`);
}

/** The port on PostgreSQL 14 and later. Connects with the first use; `inspectPostgres` looks at the server before. */
export function createPostgresDb(address: ServerAddress, given: ServerOptions): Db {
  const { options, statements } = countStatements(given);
  async function ready<B extends PostgresBase>(make: (link: Link, client: pg.Client) => B, patient: boolean) {
    const { link, client } = await open(address, options);
    const base = make(link, client);
    try {
      await link.limited(options.connectMs, "the set-up of a session", () => setUp(base, options, patient));
    } catch (error) {
      base.destroy();
      throw error;
    }
    return base;
  }
  return createServerDb<PostgresConnection>(
    {
      dialect: postgresDialect,
      open: () => ready((link, client) => new PostgresConnection(link, client, options.clock), false),
      openScript: () => ready((link, client) => new PostgresScript(link, client), true),
      reads: (use): Reads => drizzleOver((config, values, label) => use((one) => one.send(config, values, label))),
    },
    options,
    { ...options.pool, keepAliveMs },
    statements,
  );
}

const duplicateDatabase = new Set(["42P04", "23505"]);

async function createDatabase(base: PostgresBase, name: string): Promise<void> {
  const known = await base.plain(`SELECT 1 FROM pg_database WHERE datname = '${name}'`);
  if (known.rows.length > 0) return;
  try {
    await base.plain(`CREATE DATABASE "${name}" ENCODING 'UTF8' TEMPLATE template0`);
  } catch (error) {
    const cause = error instanceof DbError ? error.cause : undefined;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (!duplicateDatabase.has(code)) throw error;
  }
}

/** Looks at a server before its database is used: whether it answers, has the database, could lose a commit. */
export async function inspectPostgres(
  address: ServerAddress,
  options: ServerOptions & { createDatabase: boolean },
): Promise<{ version: string; unsafe: string[] }> {
  async function look<T>(database: string, work: (base: PostgresBase) => Promise<T>): Promise<T> {
    const { link, client } = await open({ ...address, database }, options);
    const base = new PostgresBase(link, client);
    try {
      return await work(base);
    } finally {
      base.destroy();
    }
  }
  if (options.createDatabase) await look("postgres", (base) => createDatabase(base, address.database));
  // Settings may belong to the database or to the role: only a session of ours tells what holds for us.
  return await look(address.database, async (base) => {
    const { rows } = await base.plain(
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
              current_setting('synchronous_commit') AS synchronous_commit`,
    );
    const settings = rows[0] ?? {};
    const unsafe: string[] = [];
    if (settings.fsync !== "on") unsafe.push("fsync is off, must be on");
    if (settings.synchronous_commit === "off") unsafe.push("synchronous_commit is off, must be on");
    return { version: `PostgreSQL ${String(settings.version)}`, unsafe };
  });
}
