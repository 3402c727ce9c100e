import { SQL } from "bun";
import { account, type Place } from "./server.ts";

/** The databases that `up` makes: one for the services, one that tests may empty. */
export const databases = [account.database, "gochat"] as const;

/** `scheme://user:password@host:port/database` with the account of tests and services. */
export function sqlUrl(scheme: "mysql" | "postgres", port: number, database: string = account.database): string {
  return `${scheme}://${account.user}:${account.password}@127.0.0.1:${port}/${database}`;
}

/** Runs `body` on one connection. Rejects when the server does not take the account. */
export async function withSql<T>(
  scheme: "mysql" | "postgres",
  place: Place,
  database: string,
  body: (sql: SQL) => Promise<T>,
): Promise<T> {
  const sql = new SQL(sqlUrl(scheme, place.port, database), {
    max: 1,
    connectionTimeout: 5,
    allowPublicKeyRetrieval: true,
  });
  try {
    return await body(sql);
  } finally {
    await sql.close({ timeout: 1 });
  }
}

/** For MySQL and MariaDB, run by the server itself at each start; one statement a line. */
export const mysqlInitSql = `${databases.map((name) => `CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4;`).join("\n")}
CREATE USER IF NOT EXISTS '${account.user}'@'%' IDENTIFIED BY '${account.password}';
GRANT ALL ON *.* TO '${account.user}'@'%' WITH GRANT OPTION;
`;

/** Options that MySQL and MariaDB share: small, UTC, no socket path that could grow too long, no option files of the machine. */
export function mysqlOptions(place: { host: string; port: number }, data: string): string[] {
  return [
    `--datadir=${data}`,
    `--bind-address=${place.host}`,
    `--port=${place.port}`,
    "--socket=server.sock",
    "--pid-file=server.pid",
    "--innodb-buffer-pool-size=128M",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    "--max-connections=300",
    // As in production: a commit that was confirmed is on the disk, in the binary log too.
    "--server-id=1",
    "--log-bin=binlog",
    "--sync-binlog=1",
    "--innodb-flush-log-at-trx-commit=1",
  ];
}
