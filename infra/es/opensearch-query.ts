import {
  type SearchHit,
  type SearchRequest,
  type SearchResult,
  type SearchScope,
  SearchUnavailableError,
  totalMax,
} from "./es.ts";
import { highlight } from "./highlight.ts";
import { field, itemsOf, numberOf, textOf } from "./opensearch-reply.ts";

/** The body of a search. */
export function queryOf(request: SearchRequest, terms: readonly string[], scopes: readonly SearchScope[]): object {
  const { page, size, senderId, types = [], fromMs, toMs } = request;
  const from = (page - 1) * size;
  const open = scopes.filter(({ sinceMs }) => sinceMs === undefined).map(({ conversationId }) => conversationId);
  const since = scopes.flatMap(({ conversationId, sinceMs }) =>
    sinceMs === undefined
      ? []
      : [
          {
            bool: {
              filter: [
                { term: { conversation_id: conversationId } },
                { range: { created_at: { gte: sinceMs, format: "epoch_millis" } } },
              ],
            },
          },
        ],
  );
  const filter: object[] = [
    since.length === 0
      ? { terms: { conversation_id: open } }
      : { bool: { should: [{ terms: { conversation_id: open } }, ...since], minimum_should_match: 1 } },
  ];
  if (senderId !== undefined) filter.push({ term: { sender_id: senderId } });
  if (types.length > 0) filter.push({ terms: { message_type: types } });
  if (fromMs !== undefined || toMs !== undefined) {
    const range = { ...(fromMs === undefined ? {} : { gte: fromMs }), ...(toMs === undefined ? {} : { lt: toMs }) };
    filter.push({ range: { created_at: { ...range, format: "epoch_millis" } } });
  }
  return {
    query: { bool: { must: terms.map((term) => ({ match_phrase: { content: term } })), filter } },
    sort: [{ _score: "desc" }, { created_at: "desc" }, { message_id: "desc" }],
    from: Math.min(from, totalMax),
    size: Math.max(0, Math.min(size, totalMax - from)),
    track_total_hits: totalMax,
    _source: ["conversation_id", "content"],
  };
}

export function resultOf(body: unknown, terms: readonly string[]): SearchResult {
  if (field(body, ["timed_out"]) === true) throw new SearchUnavailableError("the search took too long");
  const hits = itemsOf(body, ["hits", "hits"]).map(
    (hit): SearchHit => ({
      messageId: textOf(hit, ["_id"]),
      conversationId: textOf(hit, ["_source", "conversation_id"]),
      highlights: highlight(textOf(hit, ["_source", "content"]), terms),
    }),
  );
  return { total: Math.min(numberOf(body, ["hits", "total", "value"]), totalMax), hits };
}
