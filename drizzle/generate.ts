/** Writes the first migration of every dialect from the definitions: `bun drizzle/generate.ts`. A migration that has
 *  been released is never generated again; what follows is a new numbered file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { schemaSql } from "./ddl.ts";
import { schema } from "./schema.ts";

for (const dialect of ["sqlite", "mysql", "postgres"] as const) {
  const folder = `${import.meta.dir}/migrations/${dialect}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/0001_foundation.sql`, schemaSql(dialect, schema));
}
