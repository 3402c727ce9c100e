import { type Logger, silentLogger } from "../clog/clog.ts";
import { loadConfig, section } from "../config/config.ts";
import type { Environment } from "../config/keys.ts";
import { type DbConfig, dbSpec } from "./config.ts";
import { connectDb } from "./connect.ts";
import type { Db } from "./db.ts";
import { connectAdmin } from "./server-kit.ts";

export interface TestDbOptions {
  /** `db.max_open` → text. */
  flags?: Readonly<Record<string, string>>;
  clock?: () => number;
  clog?: Logger;
  /** Default development. */
  environment?: Environment;
  /** Uses the database that the DSN names, and keeps it. */
  existing?: boolean;
}

export interface TestDb extends Db {
  /** What it was opened with; hot keys in it act. */
  readonly config: DbConfig;
  readonly name: string;
  readonly url: string;
}

/** Opens an empty database of its own on the server of `dsn`, whose user may create databases; it is dropped when the
 *  database is closed. For live tests. */
export async function openTestDb(dsn: string, options: TestDbOptions = {}): Promise<TestDb> {
  const url = new URL(dsn);
  if (!options.existing) url.pathname = `/gochat_test_${crypto.randomUUID().slice(0, 8)}`;
  const name = url.pathname.slice(1);
  const { environment = "development", clog = silentLogger, clock } = options;
  const flags = { "db.dsn": url.href, "db.start_wait": "1s", ...options.flags };
  const { config } = loadConfig(section({ db: dbSpec }), { environment, flags });
  const db = await connectDb(config.db, "", { clog, environment, ...(clock ? { clock } : {}) });
  return {
    ...db,
    config: config.db,
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      if (options.existing) return;
      await using admin = await connectAdmin(dsn);
      await admin.run(`DROP DATABASE IF EXISTS ${name}${dsn.startsWith("mysql") ? "" : " WITH (FORCE)"}`);
    },
  };
}
