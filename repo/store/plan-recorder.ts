import { sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { AskPlan } from "#infra/db/ask.ts";
import { askSql } from "#infra/db/ask.ts";
import type { Db, Reads } from "#infra/db/db.ts";
import { encode, findSql, keyIn, scanSql } from "#infra/db/statements.ts";
import type { FindPlan, ScanPlan } from "#infra/db/steps.ts";

/** Keeps the reads of `db`, with their values in the text, so that their plans can be asked for afterwards. */
export function recordReads(db: Db): { db: Db; texts: string[] } {
  const texts: string[] = [];
  const literal = (value: unknown): string => literalOf(db, value);
  // A server's driver takes 64-bit integers as text.
  const given = (column: SQLiteColumn, value: unknown): string =>
    typeof value === "bigint" ? value.toString() : literal(encode(column, value));
  const keep = (text: string): void => {
    if (!texts.includes(text)) texts.push(text);
  };
  const compiled = (query: Parameters<Db["dialect"]["compile"]>[0]): string => db.dialect.compile(query).sql;

  function built<B extends object>(builder: B): B {
    return new Proxy(builder, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (name === "then") keep(filled((target as unknown as Compilable).toSQL(), literal));
        return (...args: unknown[]) => {
          const result: unknown = value.apply(target, args);
          return typeof result === "object" && result !== null && "getSQL" in result ? built(result) : result;
        };
      },
    });
  }

  const q = Object.create(db.q, {
    select: {
      value: (...args: Parameters<Reads["select"]>) => {
        const from = db.q.select(...args);
        return { from: (...table: Parameters<typeof from.from>) => built(from.from(...table)) };
      },
    },
  }) as Reads;

  const recorded: Pick<Db, "find" | "scan" | "ask" | "askPacked"> & { q: Reads } = {
    q,
    find(plan, keys) {
      const [key = []] = keys;
      const values = plan.by.map((column, at) => sql.raw(given(column, key[at])));
      const tuple = values.length === 1 ? sql.join(values) : sql`(${sql.join(values, sql`, `)})`;
      keep(compiled(findSql(db.dialect, plan as FindPlan, keyIn(plan as FindPlan, tuple))));
      return db.find(plan, keys);
    },
    scan(plan, range) {
      const equal = plan.equal.map((column, at) => given(column, range.equal[at]));
      const places = [...equal, literal(range.from), literal(range.to), literal(range.limit)];
      keep(compiled(scanSql(plan as ScanPlan, (at) => sql.raw(places[at] ?? "null"))));
      return db.scan(plan, range);
    },
    ask(plan, values) {
      const places = plan.params.map((column, at) => given(column, values[at]));
      keep(compiled(askSql(plan as unknown as AskPlan, sql.raw("0"), (at) => sql.raw(places[at] ?? "null"))));
      return db.ask(plan, values);
    },
    // What `ask` does, in other columns.
    askPacked: undefined,
  };
  return { db: Object.assign(Object.create(db) as Db, recorded), texts };
}

interface Compilable {
  toSQL(): { sql: string; params: unknown[] };
}

function filled(
  { sql: text, params }: { sql: string; params: unknown[] },
  literal: (value: unknown) => string,
): string {
  let next = 0;
  return text.replaceAll(/\$(\d+)|\?/g, (_, number: string | undefined) => {
    const at = number === undefined ? next : Number(number) - 1;
    next += 1;
    return literal(params[at]);
  });
}

function literalOf(db: Db, value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint") return value.toString();
  if (typeof value === "boolean") return db.dialect.name === "sqlite" ? String(Number(value)) : String(value);
  if (value === null || value === undefined) return "null";
  if (value instanceof Date) return `'${value.toISOString().replace("T", " ").replace("Z", "")}'`;
  if (value instanceof Uint8Array) return hexOf(db, value);
  return `'${String(value).replaceAll("'", "''")}'`;
}

function hexOf(db: Db, bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return db.dialect.name === "postgres" ? `'\\x${hex}'` : `x'${hex}'`;
}
