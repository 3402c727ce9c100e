import type { Logger } from "../clog/clog.ts";
import type { Environment } from "../config/keys.ts";
import { exitCodes, StartError } from "../host/start-error.ts";
import type { DbConfig } from "./config.ts";
import type { Db } from "./db.ts";
import { type Dsn, parseDsn, type ServerAddress } from "./dsn.ts";
import { DbError } from "./errors.ts";
import type { ServerOptions } from "./server-options.ts";
import { createSqliteDb } from "./sqlite.ts";

export interface ConnectDeps {
  clog: Logger;
  environment: Environment;
  /** Stands for the server's clock, Unix ms; for tests. */
  clock?: () => number;
}

/** While a start waits for the server it asks again after this, ms. */
const askAgainMs = 1000;
const connectMs = 5000;

export function serverOptions(config: DbConfig, took: ServerOptions["took"]): ServerOptions {
  return {
    connectMs,
    lockWaitMs: config.lockWait,
    transactionMs: config.transactionTimeout,
    queryMs: config.queryTimeout,
    pool: {
      openMax: config.maxOpen,
      idleMax: Math.min(config.maxIdle, config.maxOpen),
      lifetimeMs: config.lifetime,
      idleMs: config.idle,
      waitingMax: config.waitingMax,
      waitMs: config.transactionTimeout,
    },
    took,
  };
}

function clockOf({ clock }: ConnectDeps): { clock?: () => number } {
  return clock === undefined ? {} : { clock };
}

interface Driver {
  inspect(
    address: ServerAddress,
    options: ServerOptions & { createDatabase: boolean },
  ): Promise<{ version: string; unsafe: string[] }>;
  create(address: ServerAddress, options: ServerOptions): Db;
}

/** Loaded only where it is used: an embedded installation needs neither. */
async function loadDriver(name: "mysql" | "postgres"): Promise<Driver> {
  if (name === "mysql") {
    const { createMysqlDb, inspectMysql } = await import("./mysql.ts");
    return { inspect: inspectMysql, create: createMysqlDb };
  }
  const { createPostgresDb, inspectPostgres } = await import("./postgres.ts");
  return { inspect: inspectPostgres, create: createPostgresDb };
}

/** Opens the database that `config.dsn` names (unset: `file`). A server that does not answer is waited for `startWait`.
 *  Throws StartError: 69 when the server stays away or refuses us, 78 when in production its settings could lose a commit;
 *  DbError `unavailable` when the file cannot be opened. */
export async function connectDb(config: DbConfig, file: string, deps: ConnectDeps): Promise<Db> {
  const dsn: Dsn = config.dsn === undefined ? { driver: "sqlite", file } : parseDsn(config.dsn);
  if (dsn.driver === "sqlite")
    return createSqliteDb({ file: dsn.file, waitingMax: config.waitingMax, ...clockOf(deps) });
  const clog = deps.clog.namespace("db");
  const options = serverOptions(config, (label, ms) => {
    // Hot: the configuration changes in place.
    if (ms > config.slowThreshold) clog.warn("slow query", { query: label.slice(0, 500), latency_ms: Math.round(ms) });
  });
  const driver = await loadDriver(dsn.driver);
  const where = `${dsn.driver}://${dsn.address.host}:${dsn.address.port}/${dsn.address.database}`;
  const inspect = (): ReturnType<Driver["inspect"]> =>
    driver.inspect(dsn.address, { ...options, createDatabase: config.autoCreateDatabase });
  const { version, unsafe } = await waitFor(where, config.startWait, clog, inspect);
  for (const setting of unsafe) checkDurable(where, setting, deps.environment, clog);
  clog.info("database connected", { server: where, version });
  return driver.create(dsn.address, { ...options, ...clockOf(deps) });
}

async function waitFor<T>(where: string, waitMs: number, clog: Logger, ask: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + waitMs;
  for (let asked = 1; ; asked += 1) {
    try {
      return await ask();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const away = error instanceof DbError && error.kind === "unavailable";
      if (!away || performance.now() >= untilMs) {
        const text = `The database ${where} cannot be used (${reason}). Start it, or correct GOCHAT_DB__DSN.`;
        throw new StartError(text, exitCodes.unavailable, { cause: error });
      }
      if (asked === 1) clog.warn(`waiting for the database ${where}, at most ${waitMs / 1000} s`, { err: error });
      await Bun.sleep(askAgainMs);
    }
  }
}

function checkDurable(where: string, setting: string, environment: Environment, clog: Logger): void {
  const text = `The database ${where} could lose what it has confirmed: ${setting}.`;
  if (environment === "production") throw new StartError(text, exitCodes.config);
  clog.warn(text);
}
