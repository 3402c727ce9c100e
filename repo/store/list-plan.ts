import { type SQL, sql } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { type AnswerRow, type AskPlan, named } from "#infra/db/ask.ts";
import { worldId } from "../context.ts";
import { conversationColumns, memberColumns } from "./conversation-row.ts";
import { senderColumns, shownColumns } from "./message-row.ts";

/** All that is shown of a conversation in a list. */
export function listGroups(tables: Tables) {
  const { userReadPointers: p } = tables;
  return {
    c: conversationColumns(tables),
    m: memberColumns(tables),
    p: { lastReadSeqId: p.lastReadSeqId, lastReadMessageNo: p.lastReadMessageNo },
    last: shownColumns(tables.messages),
    sender: senderColumns(tables),
    peer: senderColumns(tables),
  } as const;
}

export type ListPlan = AskPlan<ReturnType<typeof listGroups>>;
export type ListRow = AnswerRow<ReturnType<typeof listGroups>>;

/** Of a membership `m` of a conversation `c`: it stands in the list. What the user hid comes back with the next row; -1 hides
 *  a conversation that has none yet. */
export function shownBy(tables: Tables): SQL {
  const hidden = named("m", tables.conversationMembers.hiddenBeforeSeq);
  const last = named("c", tables.conversations.lastSeqId);
  return sql`(${hidden} = 0 or (${last} > ${hidden} and ${last} > 0))`;
}

/** What is joined to the memberships `m` of one user and the heads `c`. */
export function joinedTo(tables: Tables, user: SQL): SQL {
  const { conversations: c, conversationMembers: m, userReadPointers: p, messages, users } = tables;
  const id = named("c", c.id);
  return sql`left join ${p} p on ${named("p", p.userId)} = ${user} and ${named("p", p.conversationId)} = ${id}
    left join ${messages} last on ${named("last", messages.id)} = ${named("c", c.lastMessageId)}
    left join ${users} sender on ${named("sender", users.id)} = ${named("last", messages.senderId)}
    left join ${m} o on ${named("c", c.type)} = 1 and ${named("o", m.conversationId)} = ${id}
      and ${named("o", m.userId)} <> ${user}
    left join ${users} peer on ${named("peer", users.id)} = ${named("o", m.userId)}`;
}

/** The conversations of a user in no order, hidden ones too. Values: user, limit, then `ids` conversations of which they are,
 *  with none all. */
export function membershipsPlan(tables: Tables, ids: number): ListPlan {
  const { conversations: c, conversationMembers: m } = tables;
  const places = Array.from({ length: ids }, (_, at) => at + 2);
  return {
    groups: listGroups(tables),
    params: [m.userId, m.userId, ...places.map(() => m.conversationId)],
    from: (hole) => {
      const list = sql.join(places.map(hole), sql`, `);
      const wanted = ids === 0 ? sql`` : sql` and ${named("m", m.conversationId)} in (${list})`;
      return sql`${m} m join ${c} c on ${named("c", c.id)} = ${named("m", m.conversationId)} ${joinedTo(tables, hole(0))}
        where ${named("m", m.userId)} = ${hole(0)}${wanted} limit ${hole(1)}`;
    },
  };
}

/** A page of somebody's list by one statement (spec 40 §4): the memberships with the heads of their conversations, narrow, put
 *  in order and cut to the page; then, for the rows of the page alone, all that is shown. Values: user, limit, offset, and
 *  with `typed` the type. */
export function listPlan(tables: Tables, typed: boolean): ListPlan {
  const { conversations: c, conversationMembers: m } = tables;
  const at = { m: named.bind(null, "m"), c: named.bind(null, "c") };
  const unpinnedWorld = sql`${at.c(c.id)} = ${sql.raw(`'${worldId}'`)} and ${at.m(m.pinnedAt)} is null`;
  const group = sql`case when ${unpinnedWorld} then 0 when ${at.m(m.pinnedAt)} is not null then 1 else 2 end`;
  const order = (prefix: SQL): SQL => sql`${prefix}grp, ${prefix}pinned desc, ${prefix}active desc, ${prefix}cid`;
  const head = sql`select ${at.m(m.conversationId)} as cid, count(*) over () as total, ${group} as grp,
    ${at.m(m.pinnedAt)} as pinned, ${at.c(c.lastMessageAt)} as active`;
  const shown = shownBy(tables);

  const page = (hole: (at: number) => SQL): SQL => sql`${head} from ${m} m join ${c} c
    on ${at.c(c.id)} = ${at.m(m.conversationId)}
    where ${at.m(m.userId)} = ${hole(0)} and ${shown}${typed ? sql` and ${at.c(c.type)} = ${hole(3)}` : sql``}
    order by ${order(sql``)} limit ${hole(1)} offset ${hole(2)}`;

  return {
    groups: listGroups(tables),
    params: [m.userId, m.userId, m.userId, ...(typed ? [c.type] : [])],
    total: sql`l.total`,
    from: (hole) => sql`(${page(hole)}) l
      join ${m} m on ${at.m(m.userId)} = ${hole(0)} and ${at.m(m.conversationId)} = l.cid
      join ${c} c on ${at.c(c.id)} = l.cid
      ${joinedTo(tables, hole(0))}
      order by ${order(sql`l.`)}`,
  };
}
