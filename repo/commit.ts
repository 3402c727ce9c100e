import { DbError } from "#infra/db/errors.ts";
import type { ItemResult } from "./commit-draft.ts";
import type { CommitItem } from "./commit-item.ts";
import { createPlansOf } from "./commit-plans.ts";
import type { ConversationRow } from "./commit-rights.ts";
import { type CommittedRows, commitRows } from "./commit-rows.ts";
import { type RepoContext, worldId } from "./context.ts";
import { createParkedWatch, parkConversation } from "./parked.ts";

export interface Committed {
  /** One per item, in the order of the items. */
  readonly results: readonly ItemResult[];
  /** The conversations of all stored and known rows, as they were under the lock. */
  readonly conversations: readonly ConversationRow[];
  readonly outboxIds: readonly bigint[];
  /** Whether the settled outbox rows are gone. */
  readonly settled: boolean;
}

export interface Committer {
  /** Stores a batch: one transaction for the world's items and one for the others. Never rejects: an item whose
   *  transaction is not known to have committed is `retry`; one that the database refuses by itself is `rejected`
   *  INTERNAL_ERROR; one of a conversation with an unexplained violation is `parked`. The first transaction that commits
   *  deletes the outbox rows `settled` on its way, at most 1000. */
  commit(items: readonly CommitItem[], settled?: readonly bigint[]): Promise<Committed>;
}

/** Collects what the transactions of one call did. */
class Outcome implements Committed {
  readonly results: ItemResult[];
  readonly outboxIds: bigint[] = [];
  readonly #conversations = new Map<string, ConversationRow>();
  #settled: readonly bigint[];

  constructor(count: number, settled: readonly bigint[]) {
    this.results = new Array<ItemResult>(count).fill({ at: "retry" });
    this.#settled = settled;
  }

  /** What the next transaction deletes: no two are given the same rows. */
  takeSettled(): readonly bigint[] {
    const taken = this.#settled;
    this.#settled = [];
    return taken;
  }

  /** The transaction that had them did not commit. */
  giveBackSettled(taken: readonly bigint[]): void {
    if (taken.length > 0) this.#settled = taken;
  }

  get settled(): boolean {
    return this.#settled.length === 0;
  }

  get conversations(): ConversationRow[] {
    return [...this.#conversations.values()];
  }

  add(batch: readonly Placed[], done: CommittedRows): void {
    for (const [at, placed] of batch.entries()) {
      const result = done.results[at] ?? { at: "retry" };
      this.results[placed.index] = result;
      const row = done.conversations.get(placed.item.conversationId);
      if (row !== undefined && (result.at === "stored" || result.at === "duplicate"))
        this.#conversations.set(row.id, row);
    }
    if (done.outboxId !== undefined) this.outboxIds.push(done.outboxId);
  }
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Placed {
  readonly item: CommitItem;
  readonly index: number;
}

function byConversation(batch: readonly Placed[]): Placed[][] {
  const groups = new Map<string, Placed[]>();
  for (const placed of batch) {
    const group = groups.get(placed.item.conversationId);
    if (group === undefined) groups.set(placed.item.conversationId, [placed]);
    else group.push(placed);
  }
  return [...groups.values()];
}

export function createCommitter(context: RepoContext): Committer {
  const { db, tables, ids, metrics } = context;
  const clog = context.clog.namespace("commit");
  // A transaction writes one table of messages: all conversations of a part are in it.
  const plansOf = createPlansOf(tables);
  const parked = createParkedWatch(metrics);
  const repeats = metrics.counter("gochat_repo_commit_failures_total", "Commit transactions that failed, by kind", [
    "kind",
  ]);

  /** No row of a parked conversation is written until an operator lifts it. */
  async function park(conversationId: string, error: DbError): Promise<void> {
    parked.add(conversationId);
    await parkConversation({ db, tables, clog }, conversationId, error);
  }

  async function commitPart(batch: readonly Placed[], outcome: Outcome): Promise<void> {
    const items = batch.map((placed) => placed.item);
    const settled = outcome.takeSettled();
    const plans = plansOf(items[0]?.conversationId ?? worldId);
    try {
      outcome.add(batch, await db.transaction((tx) => commitRows({ ids, plans }, tx, items, settled)));
    } catch (error) {
      outcome.giveBackSettled(settled);
      await recover(batch, error, outcome);
    }
  }

  async function recover(batch: readonly Placed[], error: unknown, outcome: Outcome): Promise<void> {
    const kind = error instanceof DbError ? error.kind : "other";
    repeats.inc({ kind });
    if (error instanceof DbError && error.kind === "data") return await halve(batch, error, outcome);
    if (error instanceof DbError && error.kind === "unique") return await separate(batch, error, outcome);
    // The items stay `retry`: the caller asks again, and the lookup finds what was stored after all.
    clog.warn("the transaction did not commit", { kind, items: batch.length, err: error });
  }

  /** A value that the database refuses costs only its own message. Halves commit in order, so the order is kept. */
  async function halve(batch: readonly Placed[], error: DbError, outcome: Outcome): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      clog.error("the database refuses a message", { message_id: only.item.messageId, err: error });
      const refusal = { code: "INTERNAL_ERROR", message: "the store refused this message" } as const;
      outcome.results[only.index] = { at: "rejected", refusal };
      return;
    }
    const middle = Math.ceil(batch.length / 2);
    await commitPart(batch.slice(0, middle), outcome);
    await commitPart(batch.slice(middle), outcome);
  }

  /** Finds the conversation whose rows break a unique key although its lock is held, and parks it; the others go on. */
  async function separate(batch: readonly Placed[], error: DbError, outcome: Outcome): Promise<void> {
    const groups = byConversation(batch);
    const [only] = groups;
    if (groups.length > 1 || only === undefined) {
      for (const group of groups) await commitPart(group, outcome);
      return;
    }
    const conversationId = only[0]?.item.conversationId ?? "";
    for (const { index } of only) outcome.results[index] = { at: "parked" };
    await park(conversationId, error).catch((cause: unknown) => {
      clog.error("the conversation could not be marked as parked", { conversation_id: conversationId, err: cause });
    });
  }

  return {
    async commit(items, settled = []) {
      const outcome = new Outcome(items.length, settled.toSorted(ascending));
      const placed = items.map((item, index) => ({ item, index }));
      const world = placed.filter(({ item }) => item.conversationId === worldId);
      const others = placed.filter(({ item }) => item.conversationId !== worldId);
      await Promise.all([world, others].filter((part) => part.length > 0).map((part) => commitPart(part, outcome)));
      parked.observe(items, outcome.results);
      return outcome;
    },
  };
}
