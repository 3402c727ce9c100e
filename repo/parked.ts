import { eq } from "drizzle-orm";
import type { DbError } from "#infra/db/errors.ts";
import { now, run } from "#infra/db/steps.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { ItemResult } from "./commit-draft.ts";
import type { CommitItem } from "./commit-item.ts";
import type { RepoContext } from "./context.ts";

/** Conversations that are remembered as parked; a second one is an alarm as much as a thousandth. */
const rememberedMax = 1000;

/** `gochat_conversations_parked`: the conversations that this process parked or met as parked, until one of their
 *  messages is stored again. Nobody reads the whole table for a metric. */
export interface ParkedWatch {
  add(conversationId: string): void;
  /** Takes what became of a batch. */
  observe(items: readonly CommitItem[], results: readonly ItemResult[]): void;
}

export function createParkedWatch(metrics: Metrics): ParkedWatch {
  const parked = new Set<string>();
  const total = metrics.counter("gochat_repo_parked_total", "Conversations parked after an unexplained violation");
  metrics
    .gauge("gochat_conversations_parked", "Conversations held after an unexplained violation, as far as met here")
    .watch(() => parked.size);

  function remember(conversationId: string): void {
    if (parked.size < rememberedMax) parked.add(conversationId);
  }

  return {
    add(conversationId) {
      total.inc();
      remember(conversationId);
    },
    observe(items, results) {
      for (const [index, result] of results.entries()) {
        const conversationId = items[index]?.conversationId;
        if (conversationId === undefined) continue;
        if (result.at === "parked") remember(conversationId);
        else if (parked.size > 0 && result.at === "stored") parked.delete(conversationId);
      }
    },
  };
}

/** Marks the conversation, with an alarm: no row of it is written until an operator lifts it (spec 40 §7). */
export async function parkConversation(
  { db, tables, clog }: Pick<RepoContext, "db" | "tables" | "clog">,
  conversationId: string,
  error: DbError,
): Promise<void> {
  clog.error("conversation parked: a unique key is taken by a row that no lookup finds", {
    conversation_id: conversationId,
    constraint: error.constraint,
    err: error,
  });
  const { conversations: c } = tables;
  await db.transaction(function* (tx) {
    const parkedAt = yield* now();
    yield* run(tx.q.update(c).set({ parkedAt }).where(eq(c.id, conversationId)));
  });
}
