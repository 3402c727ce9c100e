import { Database } from "bun:sqlite";
import {
  checkRequest,
  type Indexed,
  nothingFound,
  type SearchDocument,
  type SearchIndex,
  type SearchRequest,
  type SearchResult,
  type SearchScope,
  SearchUnavailableError,
  totalMax,
} from "./es.ts";
import { highlight } from "./highlight.ts";
import { normalize, shortTokens, termsOf, tokensOfShort } from "./text.ts";

export interface SqliteSearchOptions {
  /** Path of the index file, or ":memory:". One process at a time. It can be made again from the rows, so it is not synced at every commit. */
  readonly file: string;
}

/** Documents written without letting the process do anything else. */
const pieceDocuments = 100;
/** Newest matches that a search looks at, in all conversations: it runs within one turn of the event loop. */
const scannedMax = 20_000;
const trigram = 3;

// The texts of the two indexes are not kept twice: their rows are the documents'. Trigrams find every term of three characters or more, tokens the shorter ones.
const schema = `
  CREATE TABLE IF NOT EXISTS search_docs (
    message_id INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, sender_id TEXT NOT NULL, type INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL, version INTEGER NOT NULL, content TEXT NOT NULL) STRICT;
  CREATE VIRTUAL TABLE IF NOT EXISTS search_text USING fts5(text, content='', contentless_delete=1, tokenize='trigram');
  CREATE VIRTUAL TABLE IF NOT EXISTS search_short USING fts5(text, content='', contentless_delete=1, tokenize='ascii');
`;

/** The index in a file of this process. A search weighs the newest 20 000 matches of all conversations. */
export function createSqliteSearch(options: SqliteSearchOptions): SearchIndex {
  const db = open(options.file);
  const write = createWriter(db);
  const find = createFinder(db);
  const guarded = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      if (error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE"))
        throw new SearchUnavailableError(`the search index failed: ${error.message}`, { cause: error });
      throw error;
    }
  };
  const search = async (request: SearchRequest, scopes: readonly SearchScope[]): Promise<SearchResult> => {
    checkRequest(request, scopes);
    return guarded(() => find(request, scopes));
  };
  return {
    async bulkIndex(documents) {
      let indexed = 0;
      for (let at = 0; at < documents.length; at += pieceDocuments) {
        if (at > 0) await new Promise((resolve) => setImmediate(resolve));
        indexed += guarded(() => write.index(documents.slice(at, at + pieceDocuments)));
      }
      return { indexed, stale: documents.length - indexed, refused: [] } satisfies Indexed;
    },
    async remove(messageIds) {
      guarded(() => write.remove(messageIds));
    },
    search,
    searchInConversation: (request, scope) => search(request, [scope]),
    async refresh() {},
    async health() {
      db.query("SELECT 1").get();
      return "ok";
    },
    async [Symbol.asyncDispose]() {
      db.close();
    },
  };
}

function open(file: string): Database {
  const db = new Database(file, { create: true, readwrite: true, safeIntegers: true });
  for (const pragma of ["busy_timeout = 5000", "journal_mode = WAL", "synchronous = NORMAL", "cache_size = -16384"])
    db.run(`PRAGMA ${pragma}`);
  db.run(schema);
  return db;
}

interface Writer {
  /** The number of those that were not stale. */
  index(documents: readonly SearchDocument[]): number;
  remove(messageIds: readonly string[]): void;
}

function createWriter(db: Database): Writer {
  const put = db.query(`INSERT INTO search_docs VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (message_id) DO UPDATE SET conversation_id = excluded.conversation_id, sender_id = excluded.sender_id, type = excluded.type,
      created_at_ms = excluded.created_at_ms, version = excluded.version, content = excluded.content
    WHERE excluded.version > version`);
  const drop = db.query("DELETE FROM search_docs WHERE message_id = ?");
  const indexes = ["search_text", "search_short"].map((table) => ({
    put: db.query(`INSERT INTO ${table} (rowid, text) VALUES (?, ?)`),
    drop: db.query(`DELETE FROM ${table} WHERE rowid = ?`),
  }));
  const indexOne = (document: SearchDocument): boolean => {
    const id = BigInt(document.messageId);
    const { conversationId, senderId, type, createdAtMs, version, content } = document;
    if (put.run(id, conversationId, senderId, type, createdAtMs, version, content).changes === 0) return false;
    const text = normalize(content);
    for (const [at, one] of indexes.entries()) {
      one.drop.run(id);
      const indexed = at === 0 ? text : [...shortTokens(text)].join(" ");
      if (indexed !== "") one.put.run(id, indexed);
    }
    return true;
  };
  return {
    index: db.transaction((documents: readonly SearchDocument[]) => documents.filter(indexOne).length),
    remove: db.transaction((messageIds: readonly string[]) => {
      for (const messageId of messageIds) {
        const id = BigInt(messageId);
        drop.run(id);
        for (const one of indexes) one.drop.run(id);
      }
    }),
  };
}

interface Row {
  readonly message_id: bigint;
  readonly conversation_id: string;
  readonly content: string;
  readonly total: bigint;
}

function createFinder(db: Database): (request: SearchRequest, scopes: readonly SearchScope[]) => SearchResult {
  return (request, scopes) => {
    const terms = termsOf(request.keyword);
    const matched = matchOf(terms);
    if (matched === undefined || scopes.length === 0) return nothingFound;
    const { page, size, types = [], senderId, fromMs, toMs } = request;
    const offset = (page - 1) * size;
    const parameters = {
      ...matched.parameters,
      conversations: JSON.stringify(scopes.map(({ conversationId }) => conversationId)),
      since: JSON.stringify(Object.fromEntries(scopes.map(({ conversationId, sinceMs }) => [conversationId, sinceMs]))),
      types: JSON.stringify(types),
      sender: senderId ?? null,
      from: fromMs ?? null,
      to: toMs ?? null,
      scanned: scannedMax,
    };
    const bySince = scopes.some(({ sinceMs }) => sinceMs !== undefined);
    const found = foundSql(matched.sql, { byType: types.length > 0, bySince });
    const last = Math.min(offset + size, totalMax);
    const rows =
      offset >= totalMax
        ? []
        : db
            .query<Row, typeof parameters & { size: number; offset: number }>(
              `${found}, page AS (SELECT id, score, created_at_ms, count(*) OVER () AS total FROM found ORDER BY score, created_at_ms DESC, id DESC
                LIMIT $size OFFSET $offset)
              SELECT message_id, conversation_id, content, total FROM page JOIN search_docs ON message_id = id
              ORDER BY score, page.created_at_ms DESC, id DESC`,
            )
            .all({ ...parameters, size: last - offset, offset });
    // Past the last page no row tells the number of all.
    const total =
      rows[0]?.total ??
      db.query<{ total: bigint }, typeof parameters>(`${found} SELECT count(*) AS total FROM found`).get(parameters)
        ?.total ??
      0n;
    return {
      total: Math.min(Number(total), totalMax),
      hits: rows.map((row) => ({
        messageId: String(row.message_id),
        conversationId: row.conversation_id,
        highlights: highlight(row.content, terms),
      })),
    };
  };
}

interface Matched {
  readonly sql: string;
  readonly parameters: Readonly<Record<"long" | "short", string>>;
}

/** Which rows of the indexes have all terms. Undefined when there is no term. */
function matchOf(terms: readonly string[]): Matched | undefined {
  const isLong = (term: string): boolean => [...term].length >= trigram;
  const quoted = (words: readonly string[]): string => words.map((word) => `"${word.replaceAll('"', '""')}"`).join(" ");
  const long = quoted(terms.filter(isLong));
  const short = quoted(terms.filter((term) => !isLong(term)).flatMap(tokensOfShort));
  if (long === "" && short === "") return undefined;
  const table = long === "" ? "search_short" : "search_text";
  const both = long !== "" && short !== "";
  const sql = `matched AS MATERIALIZED (SELECT rowid AS id, bm25(${table}) AS score FROM ${table}
    WHERE ${table} MATCH ${long === "" ? "$short" : "$long"} ${both ? "AND +rowid IN (SELECT id FROM also)" : ""}
    ORDER BY rowid DESC LIMIT $scanned)`;
  // Collected once; asked row by row, the second index would be read anew for each.
  const also = "also AS MATERIALIZED (SELECT rowid AS id FROM search_short WHERE search_short MATCH $short)";
  return { sql: both ? `${also}, ${sql}` : sql, parameters: { long, short } };
}

function foundSql(matched: string, { byType, bySince }: { byType: boolean; bySince: boolean }): string {
  return `WITH ${matched},
    since AS MATERIALIZED (SELECT key, value FROM json_each($since)),
    found AS (SELECT id, score, created_at_ms FROM matched JOIN search_docs ON message_id = id
      WHERE conversation_id IN (SELECT value FROM json_each($conversations))
        AND ($sender IS NULL OR sender_id = $sender) AND ($from IS NULL OR created_at_ms >= $from) AND ($to IS NULL OR created_at_ms < $to)
        ${byType ? "AND type IN (SELECT value FROM json_each($types))" : ""}
        ${bySince ? "AND NOT EXISTS (SELECT 1 FROM since WHERE key = conversation_id AND value > created_at_ms)" : ""})`;
}
