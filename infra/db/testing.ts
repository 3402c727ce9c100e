import { createConnection } from "mysql2";
import pg from "pg";
import { silentLogger } from "../clog/clog.ts";
import { loadConfig } from "../config/config.ts";
import { dbSpec } from "./config.ts";
import { connectDb } from "./connect.ts";
import type { Db } from "./db.ts";

export interface TestDbOptions {
  /** `db.max_open` → text. */
  flags?: Readonly<Record<string, string>>;
  clock?: () => number;
}

/** Opens an empty database of its own on the server of `dsn`: `gochat_test_` and a random end. For live tests. */
export async function openTestDb(dsn: string, options: TestDbOptions = {}): Promise<Db> {
  const url = new URL(dsn);
  url.pathname = `/gochat_test_${crypto.randomUUID().slice(0, 8)}`;
  const flags = { "db.dsn": url.href, "db.start_wait": "1s", ...options.flags };
  const { config } = loadConfig(
    { kind: "section", keys: { db: dbSpec }, check: undefined },
    {
      environment: "development",
      flags,
    },
  );
  const db = await connectDb(config.db, "", {
    clog: silentLogger,
    environment: "development",
    ...(options.clock ? { clock: options.clock } : {}),
  });
  const name = url.pathname.slice(1);
  return {
    ...db,
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await dropDatabase(dsn, name);
    },
  };
}

async function dropDatabase(dsn: string, name: string): Promise<void> {
  const text = `DROP DATABASE IF EXISTS ${name}`;
  if (dsn.startsWith("mysql")) {
    const admin = createConnection({ uri: dsn });
    await new Promise<void>((resolve, reject) => admin.query(text, (error) => (error ? reject(error) : resolve())));
    admin.destroy();
    return;
  }
  const admin = new pg.Client({ connectionString: dsn });
  await admin.connect();
  await admin.query(`${text} WITH (FORCE)`);
  await admin.end();
}
