import type { Tx } from "#infra/db/db.ts";
import { deleteMany, insertMany, type Steps, together, updateMany, upsertMany } from "#infra/db/steps.ts";
import type { Ids } from "#infra/uid/uid.ts";
import { Draft, type ItemResult } from "./commit-draft.ts";
import { readBatch } from "./commit-facts.ts";
import type { CommitItem } from "./commit-item.ts";
import type { CommitPlans } from "./commit-plans.ts";
import type { ConversationRow } from "./commit-rights.ts";
import { packRanges, type StreamRange } from "./store/outbox-ranges.ts";

/** What one transaction did; valid only once it has committed. */
export interface CommittedRows {
  readonly results: readonly ItemResult[];
  /** Every conversation of a stored or known row, as it was under the lock. */
  readonly conversations: ReadonlyMap<string, ConversationRow>;
  readonly outboxId: bigint | undefined;
}

export interface CommitRowsDeps {
  readonly plans: CommitPlans;
  readonly ids: Ids;
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One multi-row statement each, in key order: rows, conversations, read pointers; then the outbox rows that are settled and
 *  the new one. They leave together where the driver can. */
function* writeRows(deps: CommitRowsDeps, draft: Draft, settled: readonly bigint[], nowMs: number): Steps<bigint> {
  const { plans, ids } = deps;
  const heads = [...draft.heads.values()].sort((a, b) => compare(a.row.id, b.row.id));
  const pointers = [...draft.pointers.values()].sort(
    (a, b) => compare(a.userId, b.userId) || compare(a.conversationId, b.conversationId),
  );
  const messages = draft.rows.toSorted((a, b) => compare(a.id, b.id));
  const headRows = heads.map((head) => ({
    id: head.row.id,
    lastMessageId: head.lastId,
    lastSeqId: head.seq,
    lastMessageNo: head.messageNo,
    lastMessageAt: head.lastAt,
    updatedAt: nowMs,
  }));
  const pointerRows = pointers.map((pointer) => ({
    id: ids.snowflake(),
    userId: pointer.userId,
    conversationId: pointer.conversationId,
    lastReadSeqId: pointer.seq,
    lastReadMessageNo: pointer.messageNo,
    createdAt: nowMs,
    updatedAt: nowMs,
  }));
  const ranges: StreamRange[] = heads.map((head) => ({
    conversationId: head.row.id,
    fromSeq: head.fromSeq,
    toSeq: head.seq,
  }));
  const outboxId = ids.snowflake();
  yield* together([
    insertMany(plans.messages, messages),
    updateMany(plans.heads, headRows),
    upsertMany(plans.pointers, pointerRows),
    deleteMany(plans.settled, settled),
    insertMany(plans.outbox, [{ id: outboxId, ranges: packRanges(ranges), createdAt: nowMs }]),
  ]);
  return outboxId;
}

/** The transaction of `CommitMessages` (spec 40 §7): lock, rights, known identities, rows, outbox. The first statement
 *  locks the conversations by primary key ascending, and everything else is read after it. `settled`: outbox rows to be
 *  deleted on the way, ascending. */
export function* commitRows(
  deps: CommitRowsDeps,
  _tx: Tx,
  items: readonly CommitItem[],
  settled: readonly bigint[] = [],
): Steps<CommittedRows> {
  const { facts, known, replies } = yield* readBatch(deps.plans, items);
  const draft = new Draft(facts, known, replies);
  const results = items.map((item) => draft.decide(item));
  let outboxId: bigint | undefined;
  if (draft.rows.length > 0) outboxId = yield* writeRows(deps, draft, settled, facts.nowMs);
  else yield* deleteMany(deps.plans.settled, settled);
  return { results, conversations: facts.conversations, outboxId };
}
