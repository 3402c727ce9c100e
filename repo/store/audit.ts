import type { Tables } from "#drizzle/schema.ts";
import { insertMany, type Steps } from "#infra/db/steps.ts";
import type { RepoContext } from "../context.ts";
import type { MessageRow } from "./message-row.ts";

/** A line of the audit log. */
export interface AuditEntry {
  readonly actorId: bigint;
  readonly action: "message.recall";
  readonly objectType: "message";
  readonly objectId: string;
  /** JSON. */
  readonly detail: string;
  /** Unix ms, of the database's clock. */
  readonly atMs: number;
}

/** Writes one line in the transaction of what it tells of. */
export function* record(
  { tables, ids }: { readonly tables: Pick<Tables, "auditLog"> } & Pick<RepoContext, "ids">,
  { atMs, ...entry }: AuditEntry,
): Steps<void> {
  const times = { createdAt: atMs, updatedAt: atMs };
  yield* insertMany(tables.auditLog, [{ id: ids.snowflake(), ...entry, ip: null, ...times }]);
}

/** A message as it stood when it was recalled: its text after the last edit, and what came with it. */
export function recalledDetail(row: MessageRow, reason: string): string {
  return JSON.stringify({
    conversationId: row.conversationId,
    seqId: row.seqId.toString(),
    senderId: row.senderId.toString(),
    messageType: row.messageType,
    content: row.content,
    extra: row.extra,
    meta: row.meta,
    replyToId: row.replyToId?.toString() ?? null,
    sentAtMs: row.createdAt,
    reason,
  });
}
