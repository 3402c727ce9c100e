import { asc, inArray, lte } from "drizzle-orm";
import { changes } from "#infra/db/steps.ts";
import type { RepoContext } from "../context.ts";
import { type StreamRange, unpackRanges } from "./outbox-ranges.ts";

export interface OutboxEntry {
  readonly id: bigint;
  readonly ranges: StreamRange[];
  readonly ageMs: number;
}

/** What commits still owe to the log. Written by the commit itself. */
export interface OutboxStore {
  /** At most `limit` rows older than `olderThanMs` by the database's clock, oldest first. */
  list(olderThanMs: number, limit: number): Promise<OutboxEntry[]>;
  /** Unknown ids are passed over; answers how many rows there were. At most 1000 ids. */
  remove(ids: readonly bigint[]): Promise<number>;
}

export function createOutboxStore(context: Pick<RepoContext, "db" | "tables">): OutboxStore {
  const { db, tables } = context;
  const { outbox } = tables;
  return {
    async list(olderThanMs, limit) {
      const nowMs = await db.now();
      const rows = await db.q
        .select()
        .from(outbox)
        .where(lte(outbox.createdAt, nowMs - olderThanMs))
        .orderBy(asc(outbox.createdAt), asc(outbox.id))
        .limit(limit);
      return rows.map((row) => ({ id: row.id, ranges: unpackRanges(row.ranges), ageMs: nowMs - row.createdAt }));
    },
    async remove(ids) {
      if (ids.length === 0) return 0;
      const sorted = ids.toSorted((a, b) => (a < b ? -1 : 1));
      return await db.transaction((tx) => changes(tx.q.delete(outbox).where(inArray(outbox.id, sorted))));
    },
  };
}
