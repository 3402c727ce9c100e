import { type SQL, sql } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { type AskPlan, named } from "#infra/db/ask.ts";
import { messageColumns, senderColumns } from "./message-row.ts";
import type { MessageTable } from "./message-table.ts";

function headGroups({ conversations: c, conversationMembers: m }: Tables) {
  return {
    c: { id: c.id, isRoom: c.isRoom, lastSeqId: c.lastSeqId },
    m: { userId: m.userId, hiddenBeforeSeq: m.hiddenBeforeSeq },
  } as const;
}

function pageGroups(tables: Tables, x: MessageTable) {
  return { ...headGroups(tables), x: messageColumns(x), s: senderColumns(tables) } as const;
}

export type HeadPlan = AskPlan<ReturnType<typeof headGroups>>;
export type PagePlan = AskPlan<ReturnType<typeof pageGroups>>;

function headFrom({ conversations: c, conversationMembers: m }: Tables, hole: (at: number) => SQL): SQL {
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

/** The same with the rows of a page and their senders, one row at least where there is such a conversation. What the member
 *  hid from himself is not in it. Values: conversation, user, lowest and highest seq, rows. */
export function pagePlan(tables: Tables, x: MessageTable, descending: boolean): PagePlan {
  const { conversations: c, conversationMembers: m, users } = tables;
  const seq = named("x", x.seqId);
  const order = sql`order by ${seq} ${sql.raw(descending ? "desc" : "asc")}`;
  return {
    groups: pageGroups(tables, x),
    params: [c.id, m.userId, x.seqId, x.seqId, x.seqId],
    // Cut to the page inside: not every planner sees that the head is one row, and would sort all that is below the page.
    from: (hole) => sql`${headFrom(tables, hole)}
      left join (select * from ${x} x where ${named("x", x.conversationId)} = ${hole(0)}
        and ${seq} >= ${hole(2)} and ${seq} <= ${hole(3)} and ${seq} > coalesce((select ${named("h", m.hiddenBeforeSeq)}
          from ${m} h where ${named("h", m.userId)} = ${hole(1)} and ${named("h", m.conversationId)} = ${hole(0)}), 0)
        ${order} limit ${hole(4)}) x on true
      left join ${users} s on ${named("s", users.id)} = ${named("x", x.senderId)}
      where ${named("c", c.id)} = ${hole(0)} ${order}`,
  };
}
