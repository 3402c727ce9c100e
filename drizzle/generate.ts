/** Writes the migrations that create tables or drop indexes, for every dialect, from the definitions: `bun drizzle/generate.ts`. One
 *  that has been released is never generated again; what follows is a new numbered file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { auditTable } from "./audit-table.ts";
import { changeTables } from "./change-tables.ts";
import { droppedSql, schemaSql } from "./ddl.ts";
import { draftTables } from "./draft-tables.ts";
import { foundation } from "./schema.ts";

const files = {
  "0001_foundation": foundation,
  "0002_changes": changeTables,
  "0003_audit": auditTable,
  "0005_drafts": draftTables,
} as const;

for (const dialect of ["sqlite", "mysql", "postgres"] as const) {
  const folder = `${import.meta.dir}/migrations/${dialect}`;
  mkdirSync(folder, { recursive: true });
  for (const [name, tables] of Object.entries(files)) {
    writeFileSync(`${folder}/${name}.sql`, schemaSql(dialect, tables));
  }
  writeFileSync(`${folder}/0004_unused_indexes.sql`, droppedSql(dialect, foundation));
}
