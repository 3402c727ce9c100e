import { type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { type AnswerRow, type AskPlan, type Groups, rowReader, selectedOf } from "./ask.ts";
import { DbError } from "./errors.ts";

// A row of many columns as one text. The driver takes half as long for it as for the columns, and a row that came before is told
// by one comparison. NUL parts the values: no text has one, since no entrance takes one (PostgreSQL could not store it).

const between = sql.raw("'\\0'");
/** Before a text, since nothing at all stands for NULL. */
const present = "=";

type Part = (column: SQL) => SQL;

const plainPart: Part = (column) => sql`ifnull(${column}, '')`;
const textPart: Part = (column) => sql`ifnull(concat('=', ${column}), '')`;
const bytesPart: Part = (column) => sql`ifnull(concat('=', hex(${column})), '')`;
const asciiPart: Part = (column) => textPart(sql`convert(${column} using utf8mb4)`);

type Unpack = (part: string) => unknown;

const plainOf: Unpack = (part) => (part === "" ? null : part);
const textOf: Unpack = (part) => (part === "" ? null : part.slice(present.length));
const bytesOf: Unpack = (part) => (part === "" ? null : Buffer.from(part.slice(present.length), "hex"));

/** By the type of the column in the table. Numbers and times are never empty. */
function formOf(column: SQLiteColumn): { readonly part: Part; readonly unpack: Unpack } {
  const type = column.getSQLType();
  if (/^VARBINARY/i.test(type)) return { part: asciiPart, unpack: textOf };
  if (/^BINARY|BLOB/i.test(type)) return { part: bytesPart, unpack: bytesOf };
  if (/CHAR|TEXT/i.test(type)) return { part: textPart, unpack: textOf };
  return { part: plainPart, unpack: plainOf };
}

/** Columns: the clock, the total, all that `askSql` selects as one text. */
export function packedSql(plan: AskPlan, now: SQL, hole: (at: number) => SQL): SQL {
  const parts = selectedOf(plan, hole).map(({ column, from }) => formOf(column).part(from));
  const packed = sql`concat_ws(${between}, ${sql.join(parts, sql`, `)})`;
  return sql`select ${now}, ${plan.total ?? sql.raw("0")}, ${packed} from ${plan.from(hole)}`;
}

type Unpacker = (packed: string) => AnswerRow<Groups>;
const unpackers = new WeakMap<AskPlan, Unpacker>();

/** Reads the text of a row. Throws DbError for one that somebody else has put a NUL into. */
export function unpackerOf<G extends Groups>(plan: AskPlan<G>): (packed: string) => AnswerRow<G> {
  const known = unpackers.get(plan as unknown as AskPlan) ?? createUnpacker(plan as unknown as AskPlan);
  unpackers.set(plan as unknown as AskPlan, known);
  return known as (packed: string) => AnswerRow<G>;
}

function createUnpacker(plan: AskPlan): Unpacker {
  const unpack = Object.values(plan.groups).flatMap((group) =>
    Object.values(group).map((column) => formOf(column).unpack),
  );
  const read = rowReader(plan);
  return (packed) => {
    const parts = packed.split("\0");
    if (parts.length !== unpack.length) throw new DbError("other", "a row has a NUL in a text");
    return read([0, 0, ...parts.map((part, at) => (unpack[at] as Unpack)(part))]);
  };
}
