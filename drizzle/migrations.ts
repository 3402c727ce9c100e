import mysql0001 from "./migrations/mysql/0001_foundation.sql" with { type: "text" };
import postgres0001 from "./migrations/postgres/0001_foundation.sql" with { type: "text" };
import sqlite0001 from "./migrations/sqlite/0001_foundation.sql" with { type: "text" };

/** The numbered migrations, oldest first, inside the program, so that a single-file executable carries them. A released
 *  one is never changed: its checksum is in `schema_migrations`. */
export const migrations = [
  { version: 1, name: "foundation", sql: { sqlite: sqlite0001, mysql: mysql0001, postgres: postgres0001 } },
] as const;
