import { type SQL, sql } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { type AskPlan, named } from "#infra/db/ask.ts";
import type { Dialect } from "#infra/db/dialect.ts";
import { IDS_MAX } from "#proto/limits.ts";
import { joinedTo, listGroups, shownBy } from "./list-plan.ts";

function groupsOf(tables: Tables) {
  const { conversationRemovals: r } = tables;
  return { ...listGroups(tables), r: { conversationId: r.conversationId } } as const;
}

export type ChangedPlan = AskPlan<ReturnType<typeof groupsOf>>;

/** What an incremental list has, by one statement: a page of the conversations that changed, oldest change first, then those that
 *  the user is no longer in (`r`), and those that he hid (`m` alone), at most 1000 of each. There is one row at least, so that the time is told. Values: user, limit,
 *  offset, the time since when, and with `typed` the type. */
export function changedPlan(dialect: Dialect, tables: Tables, typed: boolean): ChangedPlan {
  const { conversations: c, conversationMembers: m, conversationRemovals: r } = tables;
  const [ofMember, ofHead] = [named("m", m.updatedAt), named("c", c.updatedAt)];
  const shown = shownBy(tables);

  const changed = (hole: (at: number) => SQL): SQL => sql`select ${named("m", m.conversationId)} as cid,
    ${dialect.greatest(ofMember, ofHead)} as changed, count(*) over () as total, 0 as gone
    from ${m} m join ${c} c on ${named("c", c.id)} = ${named("m", m.conversationId)}
    where ${named("m", m.userId)} = ${hole(0)} and ${shown} and (${ofMember} >= ${hole(3)} or ${ofHead} >= ${hole(3)})
    ${typed ? sql`and ${named("c", c.type)} = ${hole(4)}` : sql``}
    order by changed, cid limit ${hole(1)} offset ${hole(2)}`;
  const removed = (hole: (at: number) => SQL): SQL => sql`select ${named("q", r.conversationId)} as cid,
    ${named("q", r.removedAt)} as changed, 0 as total, 1 as gone from ${r} q
    where ${named("q", r.userId)} = ${hole(0)} and ${named("q", r.removedAt)} >= ${hole(3)}
    order by changed, cid limit ${sql.raw(String(IDS_MAX))}`;
  const hidden = (hole: (at: number) => SQL): SQL => sql`select ${named("m", m.conversationId)} as cid,
    ${ofMember} as changed, 0 as total, 2 as gone
    from ${m} m join ${c} c on ${named("c", c.id)} = ${named("m", m.conversationId)}
    where ${named("m", m.userId)} = ${hole(0)} and ${ofMember} >= ${hole(3)} and not ${shown}
    order by changed, cid limit ${sql.raw(String(IDS_MAX))}`;

  return {
    groups: groupsOf(tables),
    params: [m.userId, m.userId, m.userId, m.updatedAt, ...(typed ? [c.type] : [])],
    total: sql`coalesce(l.total, 0)`,
    from: (hole) => sql`(select 1 as one) o1
      left join (select * from (${changed(hole)}) l1 union all select * from (${removed(hole)}) l2
        union all select * from (${hidden(hole)}) l3) l on true
      left join ${m} m on l.gone <> 1 and ${named("m", m.userId)} = ${hole(0)} and ${named("m", m.conversationId)} = l.cid
      left join ${c} c on l.gone = 0 and ${named("c", c.id)} = l.cid
      ${joinedTo(tables, hole(0))}
      left join ${r} r on l.gone = 1 and ${named("r", r.userId)} = ${hole(0)} and ${named("r", r.conversationId)} = l.cid
      order by l.gone, l.changed, l.cid`,
  };
}
