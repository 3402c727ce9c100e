import { describe, expect, test } from "bun:test";
import { createBreakers } from "../../infra/breaker/breaker.ts";
import { loadConfig } from "../../infra/config/config.ts";
import { esSpec } from "../../infra/es/config.ts";
import { Chat } from "../../infra/es/conformance.ts";
import { SearchUnavailableError } from "../../infra/es/es.ts";
import { createOpenSearch } from "../../infra/es/opensearch.ts";
import { breakerName } from "../../infra/es/opensearch-link.ts";
import { objectsSpec } from "../../infra/objects/config.ts";
import { ObjectsUnavailableError } from "../../infra/objects/objects.ts";
import { createS3Objects } from "../../infra/objects/s3.ts";
import { needsServers, noServers, openServers } from "../support/servers.ts";
import { until } from "../support/socket.ts";

/** A server that is away refuses at once: an answer takes no longer than this, ms. */
const quickMs = 2000;

/** What a call rejects with, and that it does so quickly. */
async function refusal(call: Promise<unknown>): Promise<unknown> {
  const began = performance.now();
  const error = await call.then(
    () => "no refusal",
    (reason: unknown) => reason,
  );
  expect(performance.now() - began).toBeLessThan(quickMs);
  return error;
}

describe.skipIf(noServers)(`search and files while their servers are away (DESIGN §7)${needsServers}`, () => {
  test("OpenSearch: unavailable at once, then back by itself, and what it had is there", async () => {
    const servers = openServers();
    const { config } = loadConfig(esSpec, { environment: "development" });
    const urls = [servers.addresses.GOCHAT_TEST_OPENSEARCH ?? ""];
    const index = `gochat-test-${crypto.randomUUID().slice(0, 8)}`;
    const policies = { [breakerName]: { failureThreshold: 2, successThreshold: 1, openMs: 500 } };
    const breakers = createBreakers({ policies });
    await using search = createOpenSearch({ ...config, driver: "opensearch", urls, index }, { breakers });
    const chat = new Chat();
    const find = () => search.searchInConversation({ keyword: "words", page: 1, size: 10 }, chat.scope);
    await search.bulkIndex([chat.document("some words")]);
    await search.refresh();
    expect(await find()).toMatchObject({ total: 1 });
    await servers.stop("opensearch");
    try {
      for (let call = 0; call < 4; call += 1) expect(await refusal(find())).toBeInstanceOf(SearchUnavailableError);
      expect(await refusal(search.bulkIndex([chat.document("more words")]))).toBeInstanceOf(SearchUnavailableError);
      expect(await search.health()).toBe("down");
    } finally {
      await servers.start("opensearch");
    }
    await until("found again", async () => (await find().catch(() => undefined))?.total === 1, 30_000);
    expect((await search.bulkIndex([chat.document("more words")])).indexed).toBe(1);
    await until("health", async () => (await search.health()) === "ok", 30_000);
    await fetch(`${urls[0]}/${index}-*`, { method: "DELETE" });
    await fetch(`${urls[0]}/_index_template/${index}`, { method: "DELETE" });
  }, 120_000);

  test("S3: unavailable at once, then back by itself, and what it had is there", async () => {
    const servers = openServers();
    const { config } = loadConfig(objectsSpec, { environment: "development" });
    const url = new URL(servers.addresses.GOCHAT_TEST_S3 ?? "");
    await using objects = createS3Objects({
      ...config,
      endpoint: url.origin,
      bucket: url.pathname.slice(1),
      accessKeyId: url.username,
      secretAccessKey: url.password,
    });
    const key = `away/${crypto.randomUUID()}`;
    await objects.put(key, new Uint8Array([1, 2, 3]));
    await servers.stop("s3");
    try {
      const calls = [() => objects.get(key), () => objects.head(key), () => objects.put(key, new Uint8Array(1))];
      for (const call of calls) expect(await refusal(call())).toBeInstanceOf(ObjectsUnavailableError);
      expect(await objects.health()).toBe("down");
    } finally {
      await servers.start("s3");
    }
    const got = await objects.get(key);
    expect(got === undefined ? undefined : [...(await new Response(got.stream).bytes())]).toEqual([1, 2, 3]);
    expect(await objects.health()).toBe("ok");
    await objects.delete(key);
  }, 60_000);
});
