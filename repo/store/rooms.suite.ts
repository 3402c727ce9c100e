import { afterEach, beforeEach, expect, test } from "bun:test";
import { recall } from "../changes/recall.ts";
import { createCommitter } from "../commit.ts";
import { worldId } from "../context.ts";
import { createRouteFinder } from "../routes.ts";
import { createMessageChanges } from "../rpc/message-changes.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { createMessageStore, type MessageStore } from "./message.ts";
import type { PageQuery } from "./message-page.ts";
import { roomRowsMax } from "./rooms.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function roomsSuite(createTestRepo: CreateTestRepo): void {
  let nowMs = 1_800_000_000_000;
  let repo: TestRepo;
  let ann: bigint;
  let store: MessageStore;
  /** Statements that read rows. */
  let scans = 0;
  beforeEach(async () => {
    repo = await createTestRepo({ clock: () => nowMs });
    ann = await repo.addUser();
    scans = 0;
    const db: typeof repo.context.db = Object.create(repo.context.db, {
      ask: {
        value: async (...args: Parameters<typeof repo.context.db.ask>) => {
          const answers = await repo.context.db.ask(...args);
          if (answers.rows.some((row) => row.x !== undefined)) scans += 1;
          return answers;
        },
      },
    });
    store = createMessageStore({ ...repo.context, db });
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  async function send(count: number): Promise<bigint[]> {
    const committer = createCommitter(repo.context);
    const items = Array.from({ length: count }, (_, at) => ({
      messageId: repo.context.ids.snowflake(),
      conversationId: worldId,
      senderId: ann,
      type: 1,
      content: `message ${at}`,
      clientMsgId: Bun.randomUUIDv7(),
      sendHash: new Uint8Array(32),
      extra: "",
      meta: "",
      replyToId: undefined,
      mentions: [],
      createdAtMs: 0,
    }));
    const { results } = await committer.commit(items);
    return results.flatMap((result) => (result.at === "stored" ? [result.row.id] : []));
  }
  async function recallOf(messageId: bigint): Promise<void> {
    const change = createMessageChanges(repo.context, createRouteFinder(repo.context));
    const body = recall(repo.context, messageId, "", 120);
    await change({ messageId, operatorId: ann, clientMsgId: "", operation: ["recall"] }, body);
  }
  const query = (fields: Partial<PageQuery> = {}): PageQuery => ({
    conversationId: worldId,
    startSeq: 1n,
    endSeq: 0n,
    limit: 100,
    ascending: true,
    types: [],
    ...fields,
  });
  /** What the database says: a store that was never asked has no window. */
  const truth = (asked: PageQuery) => createMessageStore(repo.context).page(asked);
  const warm = async (): Promise<void> => {
    await store.page(query());
    await store.page(query());
    scans = 0;
  };

  test("20 §7, 70 L7: a wave of syncs is answered from memory, one reading for all", async () => {
    await send(150);
    await warm();
    const asked = query({ startSeq: 60n });
    const pages = await Promise.all(Array.from({ length: 200 }, () => store.page(asked)));
    const expected = await truth(asked);
    for (const page of pages) expect(page).toEqual(expected);
    expect(scans).toBe(0);
    await send(3);
    nowMs += 1000;
    const after = await Promise.all(Array.from({ length: 200 }, () => store.page(asked)));
    expect(after[199]).toEqual(await truth(asked));
    expect(scans).toBe(1);
  });

  test("00 §6: who has everything is answered from the head alone", async () => {
    await send(5);
    expect(await store.page(query({ startSeq: 6n }))).toEqual(await truth(query({ startSeq: 6n })));
    expect(await store.page(query({ startSeq: 6n }))).toMatchObject({ messages: [], completeFrom: 6n, completeTo: 5n });
    expect(scans).toBe(0);
  });

  test("G1, DESIGN §2: a window never hides a row that another process stored, nor a change of one that it holds", async () => {
    const [first = 0n] = await send(20);
    await warm();
    await send(1);
    expect((await store.page(query()))?.messages.at(-1)?.seqId).toBe(21n);
    await recallOf(first);
    const page = await store.page(query());
    expect(page).toEqual(await truth(query()));
    expect(page?.messages[0]).toMatchObject({ deleted: true, content: "" });
    expect(page?.latestSeq).toBe(22n);
  });

  test("names of senders are at most half a minute old", async () => {
    await send(3);
    await warm();
    nowMs += 30_000;
    await store.page(query());
    await store.page(query());
    expect(scans).toBeGreaterThan(0);
  });

  test("every answer is that of the database: random pages between random sends and changes", async () => {
    let seed = 7;
    const random = (max: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * max);
    };
    const sent = await send(roomRowsMax - 20);
    for (let step = 0; step < 60; step += 1) {
      const what = random(4);
      if (what === 0) sent.push(...(await send(1 + random(12))));
      if (what === 1) await recallOf(sent.splice(random(sent.length), 1)[0] ?? 0n);
      for (let at = 0; at < 4; at += 1) {
        const head = (await store.currentSeq([worldId])).get(worldId)?.lastSeqId ?? 0n;
        const startSeq = BigInt(random(3) === 0 ? 0 : random(Number(head) + 3));
        const endSeq = BigInt(random(2) === 0 ? 0 : random(Number(head) + 3));
        const asked = query({ startSeq, endSeq, limit: 1 + random(120), ascending: random(2) === 0 });
        expect(await store.page(asked)).toEqual(await truth(asked));
      }
    }
  }, 20_000);
}
