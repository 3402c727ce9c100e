import { type SQL, sql } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { type AskPlan, named } from "#infra/db/ask.ts";
import type { Dialect } from "#infra/db/dialect.ts";
import { previewCharactersMax, quotedColumns, senderColumns, shownColumns } from "./message-row.ts";
import type { MessageTable } from "./message-table.ts";

type Hole = (at: number) => SQL;

function headGroups({ conversations: c, conversationMembers: m }: Tables) {
  return {
    c: { id: c.id, isRoom: c.isRoom, lastSeqId: c.lastSeqId },
    m: { userId: m.userId, hiddenBeforeSeq: m.hiddenBeforeSeq },
  } as const;
}

function pageGroups(tables: Tables, x: MessageTable) {
  const { messageReactions: r } = tables;
  const shown = { x: shownColumns(x), s: senderColumns(tables), o: quotedColumns(x) };
  return { ...headGroups(tables), ...shown, r: { mine: r.emoji } } as const;
}

function aboveGroups(tables: Tables, x: MessageTable) {
  const shown = { x: shownColumns(x), s: senderColumns(tables), o: shownColumns(x) };
  return { ...headGroups(tables), ...shown } as const;
}

export type HeadPlan = AskPlan<ReturnType<typeof headGroups>>;
export type PagePlan = AskPlan<ReturnType<typeof pageGroups>>;
export type AbovePlan = AskPlan<ReturnType<typeof aboveGroups>>;

/** Which rows of a conversation a page is made of. */
export interface PageShape {
  readonly descending: boolean;
  /** How many message types are asked for; 0 = rows of all. */
  readonly types: number;
  readonly excludeChanges: boolean;
  readonly excludeDeleted: boolean;
  /** Without what the user hid from himself. */
  readonly asMember: boolean;
}

function headFrom({ conversations: c, conversationMembers: m }: Tables, hole: Hole): SQL {
  return sql`${c} c left join ${m} m
    on ${named("m", m.userId)} = ${hole(1)} and ${named("m", m.conversationId)} = ${named("c", c.id)}`;
}

/** The head of a conversation and whether somebody is a member. Values: conversation, user. */
export function headPlan(tables: Tables): HeadPlan {
  const { conversations: c, conversationMembers: m } = tables;
  return {
    groups: headGroups(tables),
    params: [c.id, m.userId],
    from: (hole) => sql`${headFrom(tables, hole)} where ${named("c", c.id)} = ${hole(0)}`,
  };
}

/** The rows `x` that `rows` finds, at most `limit` in their order, with their senders and the row that each of them shows. */
function rowsFrom(
  dialect: Pick<Dialect, "seesOneRow">,
  tables: Tables,
  x: MessageTable,
  page: PageSql,
  hole: Hole,
): SQL {
  const { conversations: c, users } = tables;
  const { rows, order, limit, quoted } = page;
  const columns = sql.join(
    Object.values(shownColumns(x)).map((column) => named("x", column)),
    sql`, `,
  );
  const where = sql`${named("x", x.conversationId)} = ${hole(0)} and ${rows}`;
  // Where a planner does not see that the head is one row, it would sort all that is below the page: there it is cut inside,
  // which makes a table of it.
  const joined = dialect.seesOneRow
    ? sql`left join ${x} x on ${where}`
    : sql`left join (select ${columns} from ${x} x where ${where} ${order} limit ${limit}) x on true`;
  return sql`${headFrom(tables, hole)}
    ${joined}
    left join ${users} s on ${named("s", users.id)} = ${named("x", x.senderId)}
    left join ${x} o on ${named("o", x.id)} = ${quoted}
    where ${named("c", c.id)} = ${hole(0)} ${order}${dialect.seesOneRow ? sql` limit ${limit}` : sql``}`;
}

interface PageSql {
  readonly rows: SQL;
  readonly order: SQL;
  readonly limit: SQL;
  /** The id of the row that a row shows. */
  readonly quoted: SQL;
}

function orderOf(x: MessageTable, descending: boolean): SQL {
  return sql`order by ${named("x", x.seqId)} ${sql.raw(descending ? "desc" : "asc")}`;
}

/** The same with the rows of a page and all that they show, one row at least where there is such a conversation. `mine` is a JSON array of the user's own reactions. Values: conversation, user, lowest
 *  and highest seq, rows, message types. */
export function pagePlan(
  dialect: Dialect,
  tables: Tables,
  x: MessageTable,
  { descending, types, excludeChanges, excludeDeleted, asMember }: PageShape,
): PagePlan {
  const { conversations: c, conversationMembers: m, messageReactions: r } = tables;
  const order = orderOf(x, descending);
  const places = Array.from({ length: types }, (_, at) => at + 5);
  const [seq, kind] = [named("x", x.seqId), named("x", x.kind)];
  const shown = (hole: Hole): SQL => sql`and ${seq} > coalesce((select ${named("h", m.hiddenBeforeSeq)}
        from ${m} h where ${named("h", m.userId)} = ${hole(1)} and ${named("h", m.conversationId)} = ${hole(0)}), 0)`;
  const rows = (hole: Hole): SQL => sql`${seq} >= ${hole(2)} and ${seq} <= ${hole(3)}
      ${asMember ? shown(hole) : sql``}
      ${types === 0 && !excludeChanges ? sql`` : sql`and ${kind} = 1`}
      ${types === 0 ? sql`` : sql`and ${named("x", x.messageType)} in (${sql.join(places.map(hole), sql`, `)})`}
      ${excludeDeleted ? sql`and ${named("x", x.deleted)} = false` : sql``}`;
  const edited = sql`case when ${named("x", x.changeType)} = 'edit' then ${named("x", x.targetMessageId)} end`;
  const replied = named("x", x.replyToId);
  const content = named("o", x.content);
  // The user is the second value of the statement.
  const mine = (hole: Hole): SQL => sql`case when ${kind} = 1 and ${named("x", x.meta)} is not null then
    (select ${dialect.jsonList(named("r", r.emoji))} from ${r} r
      where ${named("r", r.messageId)} = ${named("x", x.id)} and ${named("r", r.userId)} = ${hole(1)}) end`;
  return {
    groups: pageGroups(tables, x),
    params: [c.id, m.userId, x.seqId, x.seqId, x.seqId, ...places.map(() => x.messageType)],
    computed: (hole) => ({
      [`o.${x.content.name}`]: sql`case when ${replied} is null then ${content}
        else substr(${content}, 1, ${sql.raw(String(previewCharactersMax))}) end`,
      [`r.${r.emoji.name}`]: mine(hole),
    }),
    from: (hole) => {
      const quoted = sql`coalesce(${replied}, ${edited})`;
      return rowsFrom(dialect, tables, x, { rows: rows(hole), order, limit: hole(4), quoted }, hole);
    },
  };
}

/** The head and the rows above a seq, the newest first, whoever asks: each with its sender and the row that it replies to or
 *  changes, as it is now. Values: conversation, user, lowest seq, rows. */
export function abovePlan(dialect: Dialect, tables: Tables, x: MessageTable): AbovePlan {
  const { conversations: c, conversationMembers: m } = tables;
  const order = orderOf(x, true);
  const quoted = sql`coalesce(${named("x", x.replyToId)}, ${named("x", x.targetMessageId)})`;
  return {
    groups: aboveGroups(tables, x),
    params: [c.id, m.userId, x.seqId, x.seqId],
    from: (hole) => {
      const rows = sql`${named("x", x.seqId)} >= ${hole(2)}`;
      return rowsFrom(dialect, tables, x, { rows, order, limit: hole(3), quoted }, hole);
    },
  };
}
