import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chat, esConformance } from "./conformance.ts";
import { createSqliteSearch } from "./sqlite-fts5.ts";

esConformance("SQLite FTS5", async () => {
  const index = createSqliteSearch({ file: ":memory:" });
  return { index, dispose: () => index[Symbol.asyncDispose]() };
});

test("the index is kept in its file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gochat-search-"));
  const chat = new Chat();
  const [made, other] = [chat.document("kept words"), chat.document("other words")];
  try {
    {
      await using index = createSqliteSearch({ file: join(folder, "search.db") });
      await index.bulkIndex([made, other]);
    }
    await using index = createSqliteSearch({ file: join(folder, "search.db") });
    const found = await index.searchInConversation({ keyword: "kept", page: 1, size: 10 }, chat.scope);
    expect(found.hits.map((hit) => hit.messageId)).toEqual([made.messageId]);
    expect(await index.bulkIndex([made])).toMatchObject({ stale: 1 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
