import { bigint as mysqlBigint, int as mysqlInt, mysqlTable, varbinary } from "drizzle-orm/mysql-core";
import { bigint as pgBigint, integer as pgInteger, pgTable, varchar } from "drizzle-orm/pg-core";
import { customType, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { DialectName } from "./dialect.ts";

const exact = customType<{ data: bigint; driverData: bigint }>({
  dataType: () => "INTEGER",
  fromDriver: (value) => BigInt(value),
});
const counted = customType<{ data: number; driverData: bigint }>({
  dataType: () => "INTEGER",
  fromDriver: (value) => Number(value),
});

const sqliteItems = sqliteTable("conformance_items", {
  id: exact("id").notNull(),
  owner: exact("owner").notNull(),
  name: text("name").notNull(),
  count: counted("count").notNull(),
});

export type Items = typeof sqliteItems;

const mysqlItems = mysqlTable("conformance_items", {
  id: mysqlBigint("id", { mode: "bigint" }).notNull(),
  owner: mysqlBigint("owner", { mode: "bigint" }).notNull(),
  name: varbinary("name", { length: 8 }).notNull(),
  count: mysqlInt("count").notNull(),
});

const postgresItems = pgTable("conformance_items", {
  id: pgBigint("id", { mode: "bigint" }).notNull(),
  owner: pgBigint("owner", { mode: "bigint" }).notNull(),
  name: varchar("name", { length: 8 }).notNull(),
  count: pgInteger("count").notNull(),
});

/** The suite's own table: `name` is at most 8 bytes and compared byte by byte, (owner, name) is unique. */
export function conformanceTable(dialect: DialectName): { items: Items; create: string; drop: string } {
  const types: Record<DialectName, { items: unknown; id: string; name: string }> = {
    sqlite: { items: sqliteItems, id: "INTEGER", name: "TEXT NOT NULL CHECK (octet_length(name) <= 8)" },
    mysql: { items: mysqlItems, id: "BIGINT", name: "VARBINARY(8) NOT NULL" },
    postgres: { items: postgresItems, id: "BIGINT", name: 'VARCHAR(8) COLLATE "C" NOT NULL' },
  };
  const { items, id, name } = types[dialect];
  const count = dialect === "mysql" ? "`count`" : '"count"';
  const columns = `id ${id} NOT NULL PRIMARY KEY, owner ${id} NOT NULL, name ${name}, ${count} INTEGER NOT NULL`;
  return {
    items: items as Items,
    create: `CREATE TABLE conformance_items (${columns}, UNIQUE (owner, name))`,
    drop: "DROP TABLE IF EXISTS conformance_items",
  };
}
