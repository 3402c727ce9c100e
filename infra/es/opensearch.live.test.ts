import { describe, expect, test } from "bun:test";
import { loadConfig } from "../config/config.ts";
import type { EsConfig } from "./config.ts";
import { esSpec } from "./config.ts";
import { Chat, esConformance, failure } from "./conformance.ts";
import { SearchUnavailableError } from "./es.ts";
import { createOpenSearch } from "./opensearch.ts";
import { indexOf } from "./opensearch-index.ts";

const url = process.env.GOCHAT_TEST_OPENSEARCH;
const skipped = url === undefined ? " (skipped: needs GOCHAT_TEST_OPENSEARCH=http://host:port)" : "";

/** An alias of the tests' own. */
function settings(change: Partial<EsConfig> = {}): EsConfig {
  const index = `gochat-test-${crypto.randomUUID().slice(0, 8)}`;
  const { config } = loadConfig(esSpec, { environment: "development" });
  return { ...config, driver: "opensearch", urls: [url ?? ""], index, ...change };
}

/** Removes the months and the template. */
async function removeAll(config: EsConfig): Promise<void> {
  const months = await fetch(`${url}/_cat/indices/${config.index}-*?h=index`);
  for (const month of (await months.text()).split("\n").filter((name) => name !== ""))
    await fetch(`${url}/${month}`, { method: "DELETE" });
  await fetch(`${url}/_index_template/${config.index}`, { method: "DELETE" });
}

describe.skipIf(url === undefined)(`opensearch${skipped}`, () => {
  esConformance("OpenSearch", async () => {
    const config = settings();
    const index = createOpenSearch(config);
    return {
      index,
      async dispose() {
        await index[Symbol.asyncDispose]();
        await removeAll(config);
      },
    };
  });

  test("60 §6: an index per month of the message id, and one alias over all", async () => {
    const config = settings();
    await using index = createOpenSearch(config);
    const chat = new Chat();
    const [may, june] = [
      chat.document("spring words", { atMs: Date.UTC(2026, 4, 31, 23, 59, 59) }),
      chat.document("summer words", { atMs: Date.UTC(2026, 5, 1) }),
    ];
    try {
      await index.bulkIndex([may, june]);
      const answer = await fetch(`${url}/_cat/aliases/${config.index}?h=index`);
      const months = (await answer.text()).trim().split("\n").toSorted();
      expect(months).toEqual([`${config.index}-202605`, `${config.index}-202606`]);
      expect(indexOf(config.index, may.messageId)).toBe(`${config.index}-202605`);
      await index.refresh();
      const found = await index.searchInConversation({ keyword: "words", page: 1, size: 10 }, chat.scope);
      expect(found.total).toBe(2);
    } finally {
      await removeAll(config);
    }
  });

  test("a node that cannot be reached is passed over; small bulks are sent side by side", async () => {
    const config = settings({ urls: ["http://127.0.0.1:9", url ?? ""], bulkRows: 7, workers: 3 });
    await using index = createOpenSearch(config);
    const chat = new Chat();
    try {
      const documents = Array.from({ length: 50 }, () => chat.document("words"));
      expect(await index.bulkIndex(documents)).toEqual({ indexed: 50, stale: 0, refused: [] });
    } finally {
      await removeAll(config);
    }
  });
});

describe("opensearch that is away", () => {
  test("60 §6: no node answers: everything is unavailable, health is down, the breaker opens", async () => {
    await using index = createOpenSearch(settings({ urls: ["http://127.0.0.1:9"] }));
    const chat = new Chat();
    const search = () => index.searchInConversation({ keyword: "x", page: 1, size: 10 }, chat.scope);
    expect(await index.health()).toBe("down");
    for (let call = 0; call < 3; call += 1) expect(await failure(search())).toBeInstanceOf(SearchUnavailableError);
    expect(await failure(index.bulkIndex([chat.document("x")]))).toBeInstanceOf(SearchUnavailableError);
    expect(String(await failure(search()))).toContain("breaker http:search is open");
  });

  test("an overloaded node, and one that is too slow, are unavailable", async () => {
    const answers = ["busy", "slow"];
    const never = Promise.withResolvers<Response>();
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => (answers.shift() === "busy" ? new Response('{"error":"full"}', { status: 429 }) : never.promise),
    });
    await using index = createOpenSearch(settings({ urls: [server.url.origin], timeout: 100 }));
    const chat = new Chat();
    const search = () => index.searchInConversation({ keyword: "x", page: 1, size: 10 }, chat.scope);
    expect(String(await failure(search()))).toContain("answers 429");
    expect(String(await failure(search()))).toContain("SearchUnavailableError");
    never.resolve(new Response("{}"));
  });
});
