import type { RepoContext } from "../context.ts";
import type { KnownRows } from "./complete-rows.ts";
import { type PageQuery, seqMax } from "./message-page.ts";
import type { QuotedRow, SenderRow, ShownRow } from "./message-row.ts";
import { type MessageTable, messageTableOf } from "./message-table.ts";
import { type AbovePlan, abovePlan, headPlan, type PagePlan, type PageShape, pagePlan } from "./page-plan.ts";

/** The head of a conversation with the right to read it, and rows as they are at the head. */
export interface PageRead<Quoted extends QuotedRow = QuotedRow> {
  readonly head: { readonly id: string; readonly isRoom: boolean; readonly lastSeqId: bigint };
  readonly member: { readonly hiddenBeforeSeq: bigint } | undefined;
  /** In the order asked for. */
  readonly rows: readonly ShownRow[];
  readonly known: KnownRows<Quoted>;
  /** With which emojis the viewer has reacted, by the ids of messages. */
  readonly mine: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Reads of one conversation, each by one statement; undefined where there is no such conversation. */
export interface PageReader {
  head(conversationId: string, viewerId: bigint | undefined): Promise<Pick<PageRead, "head" | "member"> | undefined>;
  /** One row more than the page may have, where there are more. */
  page(query: PageQuery): Promise<PageRead | undefined>;
  /** The newest rows from `fromSeq` on, descending, `limit` at most, those that the viewer hid from himself too. `others` of
   *  `known` are whole rows: those that are replied to, and those that a change concerns. Whose reactions are whose is not
   *  asked. */
  above(
    query: Pick<PageQuery, "conversationId" | "viewerId">,
    fromSeq: bigint,
    limit: number,
  ): Promise<PageRead<ShownRow> | undefined>;
}

type Read<Quoted> = { x: ShownRow; s: SenderRow; o: Quoted; c: PageRead["head"]; m: PageRead["member"] };

export function createPageReader({ db, tables }: Pick<RepoContext, "db" | "tables">): PageReader {
  const memberHead = headPlan(tables);
  const pages = new Map<MessageTable, Map<string, PagePlan>>();
  const aboves = new Map<MessageTable, AbovePlan>();

  function pagePlanOf(x: MessageTable, shape: PageShape): PagePlan {
    const plans = pages.get(x) ?? new Map<string, PagePlan>();
    pages.set(x, plans);
    const key = Object.values(shape).join();
    const plan = plans.get(key) ?? pagePlan(db.dialect, tables, x, shape);
    plans.set(key, plan);
    return plan;
  }

  function abovePlanOf(x: MessageTable): AbovePlan {
    const plan = aboves.get(x) ?? abovePlan(db.dialect, tables, x);
    aboves.set(x, plan);
    return plan;
  }

  return {
    async head(conversationId, viewerId) {
      const [row] = (await db.ask(memberHead, [conversationId, viewerId ?? 0n])).rows;
      return row?.c === undefined ? undefined : { head: row.c, member: row.m };
    },

    async page(query) {
      const { conversationId, viewerId = 0n, startSeq, endSeq, limit } = query;
      const types = paddedTypes(query.types);
      const { excludeChanges = false, excludeDeleted = false, asMember = false } = query;
      const shape = { descending: !query.ascending, types: types.length, excludeChanges, excludeDeleted, asMember };
      const to = endSeq === 0n ? seqMax : endSeq;
      const values = [conversationId, viewerId, startSeq, to, BigInt(limit + 1), ...types];
      const { rows } = await db.ask(pagePlanOf(messageTableOf(tables, conversationId), shape), values);
      const mine = new Map<string, ReadonlySet<string>>();
      for (const { x, r } of rows) {
        if (x !== undefined && r !== undefined) mine.set(x.id.toString(), new Set(JSON.parse(r.mine) as string[]));
      }
      return readOf<QuotedRow>(rows, mine);
    },

    async above({ conversationId, viewerId = 0n }, fromSeq, limit) {
      const plan = abovePlanOf(messageTableOf(tables, conversationId));
      const { rows } = await db.ask(plan, [conversationId, viewerId, fromSeq, BigInt(limit)]);
      return readOf<ShownRow>(rows, new Map());
    },
  };
}

function readOf<Quoted extends QuotedRow>(
  answers: readonly Partial<{ [K in keyof Read<Quoted>]: Read<Quoted>[K] | undefined }>[],
  mine: PageRead["mine"],
): PageRead<Quoted> | undefined {
  const head = answers[0]?.c;
  if (head === undefined) return undefined;
  const rows: ShownRow[] = [];
  const senders = new Map<bigint, SenderRow>();
  const others = new Map<bigint, Quoted>();
  for (const { x, s, o } of answers) {
    if (x !== undefined) rows.push(x);
    if (s !== undefined) senders.set(s.id, s);
    // What is replied to may have been cut to its preview, what was edited is whole.
    if (o !== undefined && (x?.replyToId === null || !others.has(o.id))) others.set(o.id, o);
  }
  return { head, member: answers[0]?.m, rows, known: { senders, others }, mine };
}

/** Each once, their number one of few: a statement is prepared for each. */
function paddedTypes(types: readonly number[]): number[] {
  const each = [...new Set(types)];
  const [first] = each;
  while (first !== undefined && (each.length & (each.length - 1)) !== 0) each.push(first);
  return each;
}
