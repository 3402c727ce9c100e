import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Tables } from "#drizzle/schema.ts";
import type { Writes as Builder, Db, Tx } from "#infra/db/db.ts";
import { isPlanned, type PlannedStep, type Steps } from "#infra/db/steps.ts";

/** What a transaction may have changed of the lists that people see of their conversations. */
export interface Written {
  /** Anything: what was held in memory is to be forgotten. */
  readonly all: boolean;
  /** For every member. */
  readonly conversations: ReadonlySet<string>;
  /** For one member: user and conversation. */
  readonly members: readonly (readonly [bigint, string])[];
}

/** Watches the writes of this process. Only of use where no other process writes, which is the embedded database. */
export interface Writes {
  /** Told after each transaction that may have changed something, whether it was stored or not, and before whoever
   *  asked for it is answered. So who reads after an answer is never given what was held before. */
  watch(listener: (written: Written) => void): void;
  /** Called in the body of a transaction: what its query builder writes of conversations, members and messages is of this
   *  conversation. Without it, such a write counts as one of anything. */
  only(conversationId: string): void;
}

interface Noted {
  all: boolean;
  conversations: Set<string>;
  members: (readonly [bigint, string])[];
  only: string | undefined;
}

/** A database that tells of its writes; bodies run one after the other, each in one go. */
export function watchWrites(db: Db, tables: Tables): { db: Db; writes: Writes } {
  const listeners: ((written: Written) => void)[] = [];
  const fresh = (): Noted => ({ all: false, conversations: new Set(), members: [], only: undefined });
  /** Of the body that runs. */
  let current = fresh();
  const note = createNoter(tables);
  const watchedTx = new WeakMap<Tx, Tx>();

  function watched(tx: Tx): Tx {
    const known = watchedTx.get(tx);
    if (known !== undefined) return known;
    const { q } = tx;
    const noted = <T extends SQLiteTable>(table: T): T => {
      note.built(table, current);
      return table;
    };
    const own: Pick<Builder, "insert" | "update" | "delete"> = {
      insert: (table) => q.insert(noted(table)),
      update: (table) => q.update(noted(table)),
      delete: (table) => q.delete(noted(table)),
    };
    const made: Tx = { ...tx, q: Object.assign(Object.create(q) as Builder, own) };
    watchedTx.set(tx, made);
    return made;
  }

  function* observed<T>(steps: Steps<T>, noted: Noted): Steps<T> {
    let next = steps.next();
    while (!next.done) {
      if (isPlanned(next.value)) note.planned(next.value, noted);
      let result: unknown;
      try {
        result = yield next.value;
      } catch (error) {
        next = steps.throw(error);
        continue;
      }
      next = steps.next(result);
    }
    return next.value;
  }

  const tell = (noted: Noted): void => {
    if (!noted.all && noted.conversations.size === 0 && noted.members.length === 0) return;
    for (const listener of listeners) listener(noted);
  };

  return {
    writes: {
      watch: (listener) => void listeners.push(listener),
      only: (conversationId) => {
        current.only = conversationId;
      },
    },
    db: Object.assign(Object.create(db) as Db, {
      async transaction<T>(body: (tx: Tx) => Steps<T>): Promise<T> {
        const noted = fresh();
        try {
          return await db.transaction((tx) => {
            // A body may build its query before its first step.
            current = noted;
            return observed(body(watched(tx)), noted);
          });
        } finally {
          tell(noted);
        }
      },
    }),
  };
}

function createNoter(tables: Tables) {
  const { conversations: c, conversationMembers: m, messages, userReadPointers: p, users } = tables;
  const ofConversation = new Set<SQLiteTable>([c, m, messages]);
  const ofAnybody = new Set<SQLiteTable>([p, users]);

  function rowOf(table: SQLiteTable, row: Record<string, unknown>, noted: Noted): void {
    const { id, userId, conversationId } = row;
    if (table === c && typeof id === "string") noted.conversations.add(id);
    else if (typeof conversationId !== "string" || typeof userId !== "bigint") noted.all = true;
    else noted.members.push([userId, conversationId]);
  }

  function planned(step: PlannedStep, noted: Noted): void {
    if (step.step === "together") for (const one of step.steps) planned(one, noted);
    // Of what, its keys do not say.
    if (step.step === "delete") built(step.plan.table, noted);
    if (step.step !== "insert" && step.step !== "upsert" && step.step !== "update") return;
    const table = step.step === "insert" ? step.table : step.plan.table;
    if (!ofConversation.has(table) && !ofAnybody.has(table)) return;
    // Nobody's list has a new account, nor a new row: what it shows is named by the conversation's own.
    if (step.step === "insert" && (table === users || table === messages)) return;
    for (const row of step.rows) rowOf(table, row, noted);
  }

  function built(table: SQLiteTable, noted: Noted): void {
    if (ofConversation.has(table) && noted.only !== undefined) noted.conversations.add(noted.only);
    else if (ofConversation.has(table) || ofAnybody.has(table)) noted.all = true;
  }

  return { planned, built };
}
