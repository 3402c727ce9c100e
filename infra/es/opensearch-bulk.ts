import type { EsConfig } from "./config.ts";
import { type Indexed, type SearchDocument, SearchUnavailableError } from "./es.ts";
import { bulkLines, indexOf } from "./opensearch-index.ts";
import { numberOf, textOf } from "./opensearch-reply.ts";

/** How documents are sent. */
export type BulkLimits = Pick<EsConfig, "bulkRows" | "bulkBytes" | "workers">;

/** Of several of one id the one with the highest version. */
export function newestOf(documents: readonly SearchDocument[]): SearchDocument[] {
  const newest = new Map<string, SearchDocument>();
  for (const document of documents) {
    const other = newest.get(document.messageId);
    if (other === undefined || other.version < document.version) newest.set(document.messageId, document);
  }
  return [...newest.values()];
}

/** Texts of bulks within the limits; one document may be larger by itself. */
export function bodiesOf(documents: readonly SearchDocument[], alias: string, limits: BulkLimits): string[] {
  const bodies: string[] = [];
  let lines: string[] = [];
  let bytes = 0;
  for (const document of documents) {
    const line = bulkLines(alias, document);
    const size = Buffer.byteLength(line);
    if (lines.length > 0 && (lines.length >= limits.bulkRows || bytes + size > limits.bulkBytes)) {
      bodies.push(lines.join(""));
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += size;
  }
  bodies.push(lines.join(""));
  return bodies;
}

/** Runs `work` over all, `workers` at once, answers in order. Rejects with the first failure, after those under way have ended. */
export async function inParallel<I, O>(
  inputs: readonly I[],
  workers: number,
  work: (input: I) => Promise<O>,
): Promise<O[]> {
  const answers: O[] = [];
  const queue = inputs.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [at, input] of queue) {
      if (failed) return;
      try {
        answers[at] = await work(input);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return answers;
}

/** Texts of bulks that delete, `bulkRows` in each. */
export function removalsOf(messageIds: readonly string[], alias: string, limits: BulkLimits): string[] {
  const lines = messageIds.map((id) => `${JSON.stringify({ delete: { _index: indexOf(alias, id), _id: id } })}\n`);
  const bodies: string[] = [];
  for (let at = 0; at < lines.length; at += limits.bulkRows)
    bodies.push(lines.slice(at, at + limits.bulkRows).join(""));
  return bodies;
}

/** What became of the documents. Throws SearchUnavailableError when some of them have to be sent again. */
export function tally(bulks: readonly (readonly unknown[])[]): Indexed {
  const outcome = { indexed: 0, stale: 0, refused: [] as { messageId: string; reason: string }[] };
  for (const item of bulks.flat()) {
    const status = numberOf(item, ["index", "status"]);
    const reason = textOf(item, ["index", "error", "reason"]);
    if (status < 300) outcome.indexed += 1;
    else if (status === 409) outcome.stale += 1;
    else if (status >= 400 && status < 500 && status !== 429)
      outcome.refused.push({ messageId: textOf(item, ["index", "_id"]), reason });
    else throw new SearchUnavailableError(`the index took some documents only: ${status} ${reason}`);
  }
  return outcome;
}

/** A document or a month that is not there is as good as removed. */
export function checkRemoved(items: readonly unknown[]): void {
  for (const item of items) {
    const status = numberOf(item, ["delete", "status"]);
    if (!(status < 300 || status === 404))
      throw new SearchUnavailableError(`the index kept a document: ${textOf(item, ["delete", "error", "reason"])}`);
  }
}
