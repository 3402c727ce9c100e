import mysql0001 from "./migrations/mysql/0001_foundation.sql" with { type: "text" };
import mysql0002 from "./migrations/mysql/0002_changes.sql" with { type: "text" };
import mysql0003 from "./migrations/mysql/0003_audit.sql" with { type: "text" };
import mysql0004 from "./migrations/mysql/0004_unused_indexes.sql" with { type: "text" };
import mysql0005 from "./migrations/mysql/0005_drafts.sql" with { type: "text" };
import postgres0001 from "./migrations/postgres/0001_foundation.sql" with { type: "text" };
import postgres0002 from "./migrations/postgres/0002_changes.sql" with { type: "text" };
import postgres0003 from "./migrations/postgres/0003_audit.sql" with { type: "text" };
import postgres0004 from "./migrations/postgres/0004_unused_indexes.sql" with { type: "text" };
import postgres0005 from "./migrations/postgres/0005_drafts.sql" with { type: "text" };
import sqlite0001 from "./migrations/sqlite/0001_foundation.sql" with { type: "text" };
import sqlite0002 from "./migrations/sqlite/0002_changes.sql" with { type: "text" };
import sqlite0003 from "./migrations/sqlite/0003_audit.sql" with { type: "text" };
import sqlite0004 from "./migrations/sqlite/0004_unused_indexes.sql" with { type: "text" };
import sqlite0005 from "./migrations/sqlite/0005_drafts.sql" with { type: "text" };

/** The numbered migrations, oldest first, inside the program, so that a single-file executable carries them. A released
 *  one is never changed: its checksum is in `schema_migrations`. */
export const migrations = [
  { version: 1, name: "foundation", sql: { sqlite: sqlite0001, mysql: mysql0001, postgres: postgres0001 } },
  { version: 2, name: "changes", sql: { sqlite: sqlite0002, mysql: mysql0002, postgres: postgres0002 } },
  { version: 3, name: "audit", sql: { sqlite: sqlite0003, mysql: mysql0003, postgres: postgres0003 } },
  { version: 4, name: "unused_indexes", sql: { sqlite: sqlite0004, mysql: mysql0004, postgres: postgres0004 } },
  { version: 5, name: "drafts", sql: { sqlite: sqlite0005, mysql: mysql0005, postgres: postgres0005 } },
] as const;
