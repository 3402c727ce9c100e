import type { Breakers } from "../breaker/breaker.ts";
import { type Logger, silentLogger } from "../clog/clog.ts";
import type { EsConfig } from "./config.ts";
import {
  checkRequest,
  nothingFound,
  type SearchIndex,
  type SearchRequest,
  type SearchResult,
  type SearchScope,
  SearchUnavailableError,
} from "./es.ts";
import { type BulkLimits, bodiesOf, checkRemoved, inParallel, newestOf, removalsOf, tally } from "./opensearch-bulk.ts";
import { templateOf } from "./opensearch-index.ts";
import { type Answer, createLink, type Link } from "./opensearch-link.ts";
import { queryOf, resultOf } from "./opensearch-query.ts";
import { itemsOf, textOf } from "./opensearch-reply.ts";
import { termsOf } from "./text.ts";

export interface OpenSearchDeps {
  /** Default: breakers of its own. */
  readonly breakers?: Breakers;
  readonly clog?: Logger;
}

export interface OpenSearchIndex extends SearchIndex {
  /** For the calls that come after. */
  configure(limits: Partial<BulkLimits>): void;
}

/** OpenSearch or Elasticsearch by plain HTTP: an index per month, one alias over all. Connects with the first call. The index template is written before the
 *  first document of a process. */
export function createOpenSearch(config: EsConfig, deps: OpenSearchDeps = {}): OpenSearchIndex {
  const link = createLink(config, deps.breakers);
  const clog = (deps.clog ?? silentLogger).namespace("es");
  let limits: BulkLimits = config;
  let prepared: Promise<void> | undefined;
  const prepare = (): Promise<void> => {
    prepared ??= putTemplate(link, config).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  };
  const bulk = async (body: string): Promise<readonly unknown[]> => {
    const path = "/_bulk?filter_path=items.*._id,items.*.status,items.*.error.type,items.*.error.reason";
    const answer = await link.ask({ method: "POST", path, body, lines: true, timeoutMs: config.bulkTimeout });
    return itemsOf(expectOk(answer, "bulk"), ["items"]);
  };
  const search = async (request: SearchRequest, scopes: readonly SearchScope[]): Promise<SearchResult> => {
    checkRequest(request, scopes);
    const terms = termsOf(request.keyword);
    if (terms.length === 0 || scopes.length === 0) return nothingFound;
    // Words are rated by their frequency in all months together.
    const path = `/${config.index}/_search?ignore_unavailable=true&search_type=dfs_query_then_fetch`;
    const body = JSON.stringify({ ...queryOf(request, terms, scopes), timeout: `${config.timeout}ms` });
    const answer = await link.ask({ method: "POST", path, body, timeoutMs: config.timeout + 500 });
    return answer.status === 404 ? nothingFound : resultOf(expectOk(answer, "search"), terms);
  };
  return {
    configure(change) {
      limits = { ...limits, ...change };
    },
    async bulkIndex(documents) {
      if (documents.length === 0) return { indexed: 0, stale: 0, refused: [] };
      await prepare();
      const newest = newestOf(documents);
      const bodies = bodiesOf(newest, config.index, limits);
      const outcome = tally(await inParallel(bodies, limits.workers, bulk));
      for (const { messageId, reason } of outcome.refused)
        clog.error("a message cannot be indexed", { message_id: messageId, reason });
      return { ...outcome, stale: outcome.stale + documents.length - newest.length };
    },
    async remove(messageIds) {
      const bodies = removalsOf(messageIds, config.index, limits);
      for (const items of await inParallel(bodies, limits.workers, bulk)) checkRemoved(items);
    },
    search,
    searchInConversation: (request, scope) => search(request, [scope]),
    async refresh() {
      const path = `/${config.index}/_refresh?ignore_unavailable=true`;
      await link.ask({ method: "POST", path, timeoutMs: config.bulkTimeout });
    },
    async health() {
      try {
        const answer = await link.ask({ method: "GET", path: "/_cluster/health", timeoutMs: config.timeout });
        // Yellow: copies are missing, everything is there.
        return textOf(answer.body, ["status"]) === "red" ? "degraded" : "ok";
      } catch {
        return "down";
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function putTemplate(link: Link, config: EsConfig): Promise<void> {
  const body = JSON.stringify(templateOf(config));
  const path = `/_index_template/${config.index}`;
  expectOk(await link.ask({ method: "PUT", path, body, timeoutMs: config.bulkTimeout }), "index template");
}

function expectOk({ status, body }: Answer, what: string): unknown {
  if (status < 300) return body;
  // A wrong password or a setting the server does not know: it stays until an operator mends it, nothing is lost by waiting.
  throw new SearchUnavailableError(`${what}: the server answers ${status}: ${JSON.stringify(body).slice(0, 500)}`);
}
