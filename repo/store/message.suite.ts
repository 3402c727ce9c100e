import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { run } from "#infra/db/steps.ts";
import { createCommitter } from "../commit.ts";
import { worldId } from "../context.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { createMessageStore } from "./message.ts";
import { type PageQuery, pageBytesMax } from "./message-page.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function messageStoreSuite(createTestRepo: CreateTestRepo): void {
  let repo: TestRepo;
  let ann: bigint;
  beforeEach(async () => {
    repo = await createTestRepo();
    ann = await repo.addUser();
  });
  afterEach(async () => {
    await repo[Symbol.asyncDispose]();
  });

  async function send(
    conversationId: string,
    contents: readonly string[],
    fields: { replyToId?: bigint; type?: number } = {},
  ) {
    const { results } = await createCommitter(repo.context).commit(
      contents.map((content) => ({
        messageId: repo.context.ids.snowflake(),
        conversationId,
        senderId: ann,
        type: fields.type ?? 1,
        content,
        clientMsgId: Bun.randomUUIDv7(),
        sendHash: new Uint8Array(32),
        extra: "",
        meta: "",
        replyToId: fields.replyToId,
        mentions: ["5"],
        createdAtMs: 0,
      })),
    );
    return results.map((result) => (result.at === "stored" ? result.row.id : 0n));
  }

  const page = async (query: Partial<PageQuery>) => {
    const whole = {
      conversationId: worldId,
      startSeq: 0n,
      endSeq: 0n,
      limit: 50,
      ascending: true,
      types: [],
      ...query,
    };
    const found = await createMessageStore(repo.context).page(whole);
    if (found === undefined) return undefined;
    const { messages, hasMore, nextSeq, completeFrom, completeTo, latestSeq } = found;
    return {
      seqs: messages.map((message) => Number(message.seqId)),
      more: hasMore,
      next: Number(nextSeq),
      complete: [Number(completeFrom), Number(completeTo)],
      latest: Number(latestSeq),
    };
  };

  describe("GetConversationMessages", () => {
    test("pages both ways; both ends are inclusive; complete ranges have no hole (10 §1)", async () => {
      await send(worldId, ["1", "2", "3", "4", "5"]);
      expect(await page({ startSeq: 2n, limit: 2 })).toEqual({
        seqs: [2, 3],
        more: true,
        next: 4,
        complete: [2, 3],
        latest: 5,
      });
      expect(await page({ startSeq: 4n, limit: 2 })).toEqual({
        seqs: [4, 5],
        more: false,
        next: 0,
        complete: [4, 5],
        latest: 5,
      });
      expect(await page({ ascending: false, limit: 2 })).toEqual({
        seqs: [5, 4],
        more: true,
        next: 3,
        complete: [4, 5],
        latest: 5,
      });
      expect(await page({ ascending: false, endSeq: 3n })).toEqual({
        seqs: [3, 2, 1],
        more: false,
        next: 0,
        complete: [1, 3],
        latest: 5,
      });
      expect(await page({ startSeq: 2n, endSeq: 4n })).toEqual({
        seqs: [2, 3, 4],
        more: false,
        next: 0,
        complete: [2, 4],
        latest: 5,
      });
    });

    test("beyond the newest row: nothing, complete up to the newest", async () => {
      await send(worldId, ["1"]);
      expect(await page({ startSeq: 2n })).toEqual({ seqs: [], more: false, next: 0, complete: [2, 1], latest: 1 });
      expect(await page({ endSeq: 9n })).toEqual({ seqs: [1], more: false, next: 0, complete: [1, 1], latest: 1 });
      const empty = await repo.addConversation([ann]);
      expect(await page({ conversationId: empty })).toEqual({
        seqs: [],
        more: false,
        next: 0,
        complete: [1, 0],
        latest: 0,
      });
      expect(await page({ conversationId: "group_1" })).toBeUndefined();
    });

    test("a filtered page is complete for nothing", async () => {
      await send(worldId, ["1", "2"]);
      await send(worldId, ["3"], { type: 2 });
      expect(await page({ types: [2] })).toEqual({ seqs: [3], more: false, next: 0, complete: [1, 0], latest: 3 });
    });

    test("G4: a page ends at its bytes, and says where to go on", async () => {
      const content = "x".repeat(60_000);
      const count = Math.ceil(pageBytesMax / content.length) + 3;
      await send(worldId, new Array(count).fill(content));
      const first = await page({ limit: 500 });
      expect(first?.seqs).toHaveLength(Math.floor(pageBytesMax / content.length));
      expect(first?.more).toBe(true);
      const rest = await page({ limit: 500, startSeq: BigInt(first?.next ?? 0) });
      expect([...(first?.seqs ?? []), ...(rest?.seqs ?? [])]).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    });
  });

  test("a row carries its sender, mentions and what it replies to; a tombstone's preview is empty", async () => {
    const store = createMessageStore(repo.context);
    const [target = 0n] = await send(worldId, ["x".repeat(150)]);
    const [reply = 0n] = await send(worldId, ["yes"], { replyToId: target });
    const [message] = await store.byIds([reply]);
    expect(message?.sender?.id).toBe(ann.toString());
    expect(message?.mentions).toEqual(["5"]);
    expect(message?.replyTo).toMatchObject({ messageId: target.toString(), seqId: 1n, preview: "x".repeat(100) });
    const { messages: m } = repo.context.tables;
    await repo.context.db.transaction((tx) => run(tx.q.update(m).set({ deleted: true }).where(eq(m.id, target))));
    expect((await store.byIds([reply]))[0]?.replyTo?.preview).toBe("");
    expect((await store.byIds([target]))[0]?.deleted).toBe(true);
  });

  test("rows by id come in the order asked for, unknown ones are left out", async () => {
    const [first = 0n, second = 0n] = await send(worldId, ["1", "2"]);
    const found = await createMessageStore(repo.context).byIds([second, 9n, first]);
    expect(found.map((message) => message.content)).toEqual(["2", "1"]);
  });

  test("the latest messages of many conversations, and where each stands", async () => {
    const store = createMessageStore(repo.context);
    const group = await repo.addConversation([ann]);
    await send(group, ["a", "b"]);
    await send(worldId, ["c"]);
    const newest = await store.latest([group, worldId, "group_1"], 1);
    expect(newest.map((message) => message.content).sort()).toEqual(["b", "c"]);
    expect((await store.latest([group], 2)).map((message) => message.content)).toEqual(["b", "a"]);
    expect(await store.currentSeq([group, "group_1"])).toEqual(
      new Map([[group, { lastSeqId: 2n, lastMessageNo: 2n }]]),
    );
  });
}
