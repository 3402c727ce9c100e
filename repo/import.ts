import { AppError, type ErrorName } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { createPlansOf } from "./commit-plans.ts";
import type { RepoContext } from "./context.ts";
import { type ImportItem, parseImport } from "./import-item.ts";
import { type Imported, importRows } from "./import-rows.ts";

/** One call. */
const messagesMax = 1000;
/** UTF-8 bytes of content and `extra`. */
const bytesMax = 10 * 1024 * 1024;

export interface ImportFailure {
  /** In the call. */
  readonly index: number;
  readonly errorCode: ErrorName;
}

export interface ImportResult {
  readonly saved: number;
  readonly duplicates: number;
  /** Ascending by index. */
  readonly failed: readonly ImportFailure[];
}

export interface Importer {
  /** Stores messages with their ids, seqs and times: no rights, no outbox, no push, no read pointer, no change. It is for
   *  conversations that nobody uses yet, each of which is one transaction. Within a conversation the new rows go on at its
   *  last seq + 1: from the first one that does not or that fails, all behind fail. Safe to repeat: a row that is stored
   *  under the same id, conversation, seq and sender is a duplicate.
   *
   *  `failed` says SERVICE_UNAVAILABLE for a conversation whose transaction is not known to have committed, or that is
   *  parked; VERSION_CONFLICT for a seq that does not follow; IDEMPOTENCY_CONFLICT for an id, or a sender's client_msg_id,
   *  that another row has. Rejects only with PAYLOAD_TOO_LARGE. */
  save(messages: readonly Message[]): Promise<ImportResult>;
}

export function createImporter(context: Pick<RepoContext, "db" | "tables" | "clog">): Importer {
  const { db } = context;
  const clog = context.clog.namespace("import");
  const plansOf = createPlansOf(context.tables);

  /** In the order of the items, which are of one conversation and ascending by seq. */
  async function saveAll(conversationId: string, items: readonly ImportItem[]): Promise<Imported[]> {
    try {
      return await db.transaction(() => importRows(plansOf(conversationId), items));
    } catch (error) {
      clog.warn("the import did not commit", { conversation_id: conversationId, rows: items.length, err: error });
      return items.map(() => ({ failed: "SERVICE_UNAVAILABLE" }));
    }
  }

  return {
    async save(messages) {
      checkBounds(messages);
      const results: Imported[] = [];
      const groups = new Map<string, ImportItem[]>();
      for (const [index, message] of messages.entries()) {
        const item = parseImport(message, index);
        if (typeof item === "string") {
          results[index] = { failed: item };
          continue;
        }
        const group = groups.get(message.conversationId);
        if (group === undefined) groups.set(message.conversationId, [item]);
        else group.push(item);
      }
      for (const [conversationId, items] of groups) {
        items.sort((a, b) => Number(a.row.seqId - b.row.seqId));
        const done = await saveAll(conversationId, items);
        for (const [at, { index }] of items.entries()) results[index] = done[at] ?? { failed: "INTERNAL_ERROR" };
      }
      const result = summed(results);
      const { saved, duplicates, failed } = result;
      clog.info("messages were imported", { saved, duplicates, failed: failed.length, conversations: groups.size });
      return result;
    },
  };
}

function checkBounds(messages: readonly Message[]): void {
  if (messages.length > messagesMax) {
    throw new AppError("PAYLOAD_TOO_LARGE", { message: `${messages.length} messages, at most ${messagesMax} fit` });
  }
  let bytes = 0;
  for (const { content, extra } of messages) bytes += Buffer.byteLength(content) + Buffer.byteLength(extra);
  if (bytes > bytesMax) {
    throw new AppError("PAYLOAD_TOO_LARGE", { message: `${bytes} bytes, at most ${bytesMax} fit` });
  }
}

function summed(results: readonly Imported[]): ImportResult {
  const failed = results.flatMap((result, index): ImportFailure[] =>
    typeof result === "object" ? [{ index, errorCode: result.failed }] : [],
  );
  const count = (wanted: Imported): number => results.filter((result) => result === wanted).length;
  return { saved: count("saved"), duplicates: count("duplicate"), failed };
}
