import { customType as mysqlCustom, mysqlTable } from "drizzle-orm/mysql-core";
import { pgTable, customType as postgresCustom } from "drizzle-orm/pg-core";
import type { SQLiteColumn, SQLiteTableWithColumns } from "drizzle-orm/sqlite-core";
import { customType as sqliteCustom, sqliteTable } from "drizzle-orm/sqlite-core";
import { type DialectName, formOf } from "./columns.ts";
import { type ColumnSpec, type Columns, columnName, type TableSpec } from "./define.ts";

type ColumnOf<N extends string, F extends string, S extends ColumnSpec> =
  S extends ColumnSpec<infer T, infer NotNull, infer HasDefault>
    ? SQLiteColumn<{
        name: F;
        tableName: N;
        dataType: "custom";
        columnType: "SQLiteCustomColumn";
        data: T;
        driverParam: unknown;
        notNull: NotNull;
        hasDefault: HasDefault;
        isPrimaryKey: false;
        isAutoincrement: false;
        hasRuntimeDefault: false;
        enumValues: undefined;
        baseColumn: never;
        identity: undefined;
        generated: undefined;
      }>
    : never;

/** The drizzle table of a definition. TypeScript sees SQLite's type for every dialect, so each query is written once. */
export type TableOf<S extends TableSpec> =
  S extends TableSpec<infer N, infer C>
    ? SQLiteTableWithColumns<{
        name: N;
        schema: undefined;
        columns: { [F in Extract<keyof C, string>]: ColumnOf<N, F, C[F]> };
        dialect: "sqlite";
      }>
    : never;

export type TablesOf<S extends Readonly<Record<string, TableSpec>>> = { readonly [K in keyof S]: TableOf<S[K]> };

/** What every dialect's column builder can do; the three agree on it. */
interface Builder {
  notNull(): Builder;
  default(value: unknown): Builder;
}
type CustomType = (params: {
  dataType: () => string;
  toDriver?: (value: never) => unknown;
  fromDriver?: (value: never) => unknown;
}) => (name: string) => Builder;
type MakeTable = (name: string, columns: Record<string, Builder>) => unknown;

/** The only place where the dialects' builders are taken for one another: they agree on what is used here. */
const makers: Record<DialectName, { custom: CustomType; table: MakeTable }> = {
  sqlite: { custom: sqliteCustom as unknown as CustomType, table: sqliteTable as unknown as MakeTable },
  mysql: { custom: mysqlCustom as unknown as CustomType, table: mysqlTable as unknown as MakeTable },
  postgres: { custom: postgresCustom as unknown as CustomType, table: pgTable as unknown as MakeTable },
};

function buildColumns(dialect: DialectName, specs: Columns): Record<string, Builder> {
  const columns: Record<string, Builder> = {};
  for (const [field, spec] of Object.entries(specs)) {
    const form = formOf(dialect, spec);
    const make = makers[dialect].custom({
      dataType: () => form.sqlType(spec.size),
      ...(form.toDriver ? { toDriver: form.toDriver } : {}),
      ...(form.fromDriver ? { fromDriver: form.fromDriver } : {}),
    });
    let builder = make(columnName(field));
    if (spec.notNull) builder = builder.notNull();
    if (spec.hasDefault) builder = builder.default(spec.default);
    columns[field] = builder;
  }
  return columns;
}

/** Builds the drizzle tables of `specs` for a dialect. Keys and indexes live in the migrations, not here. */
export function buildTables<S extends Readonly<Record<string, TableSpec>>>(
  dialect: DialectName,
  specs: S,
): TablesOf<S> {
  const built: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    built[name] = makers[dialect].table(spec.name, buildColumns(dialect, spec.columns));
  }
  return built as TablesOf<S>;
}
