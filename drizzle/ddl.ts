import { type DialectName, formOf } from "./columns.ts";
import { type ColumnSpec, columnName, type TableSpec } from "./define.ts";

function quote(dialect: DialectName, name: string): string {
  return dialect === "mysql" ? `\`${name}\`` : `"${name}"`;
}

function literal(dialect: DialectName, value: unknown): string {
  if (typeof value === "boolean") return dialect === "sqlite" ? (value ? "1" : "0") : value ? "TRUE" : "FALSE";
  if (typeof value === "number" || typeof value === "bigint") return value.toString();
  return `'${String(value).replaceAll("'", "''")}'`;
}

function columnSql(dialect: DialectName, field: string, spec: ColumnSpec): string {
  const form = formOf(dialect, spec);
  const name = quote(dialect, columnName(field));
  const parts = [name, form.sqlType(spec.size), spec.notNull ? "NOT NULL" : "NULL"];
  if (spec.hasDefault) parts.push(`DEFAULT ${literal(dialect, spec.default)}`);
  if (form.check) parts.push(`CHECK (${form.check(name, spec.size)})`);
  return parts.join(" ");
}

function nameList(dialect: DialectName, fields: readonly string[]): string {
  return `(${fields.map((field) => quote(dialect, columnName(field))).join(", ")})`;
}

const tableSuffix: Record<DialectName, string> = {
  sqlite: ") STRICT;",
  mysql: ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;",
  postgres: ");",
};

/** The statements that create one table with its keys and indexes. MySQL commits after each of them, so there they may
 *  be repeated after a crash (IF NOT EXISTS, everything inside CREATE TABLE). */
export function tableSql(dialect: DialectName, spec: TableSpec): string {
  const table = quote(dialect, spec.name);
  const lines = Object.entries(spec.columns).map(([field, column]) => columnSql(dialect, field, column));
  lines.push(`PRIMARY KEY ${nameList(dialect, spec.keys.primaryKey)}`);
  const after: string[] = [];
  for (const [unique, group] of [
    [true, spec.keys.unique],
    [false, spec.keys.index],
  ] as const) {
    for (const [name, fields] of Object.entries(group ?? {})) {
      const columns = nameList(dialect, fields);
      if (dialect === "mysql") lines.push(`${unique ? "UNIQUE KEY" : "KEY"} ${quote(dialect, name)} ${columns}`);
      else after.push(`CREATE ${unique ? "UNIQUE " : ""}INDEX ${quote(dialect, name)} ON ${table} ${columns};`);
    }
  }
  const head = dialect === "mysql" ? "CREATE TABLE IF NOT EXISTS" : "CREATE TABLE";
  return [`${head} ${table} (`, lines.map((line) => `  ${line}`).join(",\n"), tableSuffix[dialect], ...after].join(
    "\n",
  );
}

/** The statements that create `specs` from nothing, each ended by a semicolon and a line end. */
export function schemaSql(dialect: DialectName, specs: Readonly<Record<string, TableSpec>>): string {
  return `${Object.values(specs)
    .map((spec) => tableSql(dialect, spec))
    .join("\n\n")}\n`;
}

/** The statements that drop what `specs` say is dropped. MySQL has no IF EXISTS for an index and commits after each
 *  statement, so there a condition lets them be repeated after a crash. */
export function droppedSql(dialect: DialectName, specs: Readonly<Record<string, TableSpec>>): string {
  const statements = Object.values(specs).flatMap(({ name, keys }) =>
    (keys.dropped ?? []).flatMap((index) => (dialect === "mysql" ? dropOnce(name, index) : [`DROP INDEX "${index}"`])),
  );
  return `${statements.join(";\n")};\n`;
}

function dropOnce(table: string, index: string): string[] {
  const found = `SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '${table}' AND index_name = '${index}'`;
  return [
    `SET @statement = IF(EXISTS (${found}), 'ALTER TABLE \`${table}\` DROP INDEX \`${index}\`', 'DO 0')`,
    "PREPARE drop_index FROM @statement",
    "EXECUTE drop_index",
    "DEALLOCATE PREPARE drop_index",
  ];
}
