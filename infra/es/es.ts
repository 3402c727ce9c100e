/** A message as the index knows it. The row in the database stays the truth; the index can be made again from it. */
export interface SearchDocument {
  /** Snowflake, decimal: it also says in which month's index the document lives. */
  readonly messageId: string;
  readonly conversationId: string;
  readonly senderId: string;
  readonly type: number;
  /** Plain text. Empty for a recalled message, which is then found by nothing and, as its version stays, never brought back. */
  readonly content: string;
  /** Unix ms. */
  readonly createdAtMs: number;
  /** The latest seq that concerns the message. */
  readonly version: bigint;
}

/** What became of the documents of one `bulkIndex`. */
export interface Indexed {
  /** New, or replaced an older version. */
  readonly indexed: number;
  /** Left out: the index has this version or a later one. */
  readonly stale: number;
  /** Never to be accepted by the index, however often they are tried. */
  readonly refused: readonly { readonly messageId: string; readonly reason: string }[];
}

/** A conversation to search in. `sinceMs`: only messages made then or later (Unix ms), for members who may not see older history. */
export interface SearchScope {
  readonly conversationId: string;
  readonly sinceMs?: number;
}

export interface SearchFilters {
  readonly senderId?: string;
  /** Any of them; empty or missing: all. */
  readonly types?: readonly number[];
  /** Made then or later, Unix ms. */
  readonly fromMs?: number;
  /** Made before, Unix ms. */
  readonly toMs?: number;
}

export interface SearchRequest extends SearchFilters {
  /** Words, all of which a message must have; case and width do not count. A run of Chinese, Japanese or Korean characters is found anywhere, from one
   *  character on; another word as a whole (a driver may find parts of words too). Without a letter, digit or sign to look for nothing is found. */
  readonly keyword: string;
  /** From 1. */
  readonly page: number;
  /** 1…`sizeMax`. */
  readonly size: number;
}

export interface SearchHit {
  readonly messageId: string;
  readonly conversationId: string;
  /** Up to three pieces of the content, HTML-escaped, what was looked for within `<em>…</em>`. */
  readonly highlights: readonly string[];
}

export interface SearchResult {
  /** Messages that match; never more than `totalMax`, which stands for "that many or more". */
  readonly total: number;
  /** Best first, equal ones newest first. Past `totalMax` there are no pages. */
  readonly hits: readonly SearchHit[];
}

/** Full-text search over messages. What was indexed is found within seconds, at once after `refresh`. Everything rejects with SearchUnavailableError while the
 *  index cannot be reached; an index that does not exist yet is an empty one. */
export interface SearchIndex {
  /** Adds or replaces. A document is replaced by a higher version only, so any order and any repetition of calls ends in the same index. Of several with one id
   *  the highest version counts. Any number of documents: they are sent in bounded pieces. When it rejects, some of them may be in. */
  bulkIndex(documents: readonly SearchDocument[]): Promise<Indexed>;
  /** Forgets documents, for what was deleted in the database. A recalled message is indexed with empty content instead. */
  remove(messageIds: readonly string[]): Promise<void>;
  /** In these conversations only; at most `scopesMax`, of them `sinceMax` with `sinceMs`. Throws RangeError past a bound. */
  search(request: SearchRequest, scopes: readonly SearchScope[]): Promise<SearchResult>;
  searchInConversation(request: SearchRequest, scope: SearchScope): Promise<SearchResult>;
  /** Makes what was indexed visible. For tests. */
  refresh(): Promise<void>;
  health(): Promise<"ok" | "degraded" | "down">;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The index cannot be reached or is overloaded: try again later. */
export class SearchUnavailableError extends Error {
  override readonly name = "SearchUnavailableError";
}

/** Characters of a keyword. */
export const keywordCharsMax = 100;
/** Words of a keyword; what follows is left out. */
export const termsMax = 16;
export const sizeMax = 100;
export const totalMax = 10_000;
export const scopesMax = 10_000;
export const sinceMax = 500;

/** Throws RangeError when a request is outside its bounds. */
export function checkRequest(request: SearchRequest, scopes: readonly SearchScope[]): void {
  const { keyword, page, size } = request;
  const within = (name: string, value: number, min: number, max: number): void => {
    if (!Number.isInteger(value) || value < min || value > max)
      throw new RangeError(`${name} ${value} is not within ${min}…${max}`);
  };
  within("characters of the keyword", [...keyword].length, 0, keywordCharsMax);
  within("page", page, 1, 1_000_000);
  within("size", size, 1, sizeMax);
  within("conversations", scopes.length, 0, scopesMax);
  within("conversations with sinceMs", scopes.filter((scope) => scope.sinceMs !== undefined).length, 0, sinceMax);
}

export const nothingFound: SearchResult = { total: 0, hits: [] };
