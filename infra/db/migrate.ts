import type { Db } from "./db.ts";
import type { DialectName } from "./dialect.ts";

export interface Migration {
  /** 1, 2, 3 …, without holes. */
  readonly version: number;
  readonly name: string;
  /** Statements, each ended by a semicolon at the end of a line. */
  readonly sql: Readonly<Record<DialectName, string>>;
}

const table = `CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER NOT NULL PRIMARY KEY,
  checksum CHAR(64) NOT NULL,
  applied_at BIGINT NOT NULL
)`;

function checksum(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

function statements(text: string): string[] {
  return text
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/** Applies what is missing of `migrations`, in order, and returns the versions applied. One process at a time works, the
 *  others wait. Throws, changing nothing, when an applied migration is unknown here (the database is newer than the
 *  program) or when its text has changed since. */
export async function migrate(
  db: Db,
  migrations: readonly Migration[],
  clock: () => number = Date.now,
): Promise<number[]> {
  const applied: number[] = [];
  await db.script(async (execute) => {
    await execute(table);
    const rows = await execute("SELECT version, checksum FROM schema_migrations ORDER BY version");
    const known = new Map(rows.map(({ version, checksum: sum }) => [Number(version), String(sum)]));
    for (const version of known.keys()) {
      if (!migrations.some((migration) => migration.version === version)) {
        throw new Error(`the database has migration ${version}, which this program does not know: use a newer GoChat`);
      }
    }
    for (const migration of migrations) {
      const text = migration.sql[db.dialect.name];
      const sum = checksum(text);
      const before = known.get(migration.version);
      if (before !== undefined && before !== sum) {
        throw new Error(
          `migration ${migration.version} (${migration.name}) differs from the one this database was made by`,
        );
      }
      if (before !== undefined) continue;
      for (const statement of statements(text)) await execute(statement);
      const values = `${migration.version}, '${sum}', ${Math.trunc(clock())}`;
      await execute(`INSERT INTO schema_migrations (version, checksum, applied_at) VALUES (${values})`);
      applied.push(migration.version);
    }
  });
  return applied;
}
