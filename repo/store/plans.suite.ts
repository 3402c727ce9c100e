import { afterEach, beforeEach, expect, test } from "bun:test";
import { createCommitter } from "../commit.ts";
import { conversationService } from "../rpc/conversation.ts";
import { messageService } from "../rpc/message.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";

type Call<Q, A> = (request: Q, call: never) => Promise<A>;

/** Statements of the hot reads (spec 00 §5). Runs on every database: `createTestRepo` says on which. */
export function planSuite(createTestRepo: CreateTestRepo): void {
  let repo: TestRepo;
  let ann: bigint;
  let groups: string[];
  beforeEach(async () => {
    repo = await createTestRepo();
    ann = await repo.addUser();
    const bob = await repo.addUser();
    groups = [await repo.addConversation([ann, bob], { single: true })];
    for (let n = 0; n < 20; n += 1) groups.push(await repo.addConversation([ann, bob]));
    await createCommitter(repo.context).commit(
      groups.map((conversationId) => ({
        messageId: repo.context.ids.snowflake(),
        conversationId,
        senderId: bob,
        type: 1,
        content: conversationId,
        clientMsgId: Bun.randomUUIDv7(),
        sendHash: new Uint8Array(32),
        extra: "",
        meta: "",
        replyToId: undefined,
        mentions: [],
        createdAtMs: 0,
      })),
    );
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    const before = repo.context.db.stats().statements;
    await work();
    return repo.context.db.stats().statements - before;
  }

  test("40 §4: the conversation list is one statement, whatever its length", async () => {
    const service = conversationService(repo.context);
    const list = service.getUserConversationsWithDetails as unknown as Call<object, { conversations: object[] }>;
    const page = {
      userId: ann.toString(),
      offset: 0,
      typeFilter: 0,
      includeLastMessage: true,
      includeSenderInfo: true,
    };
    const ask = (limit: number) => list({ ...page, limit, updatedSince: 0n }, undefined as never);
    // The world's members are counted once in ten seconds.
    await ask(1);
    expect(await statementsOf(() => ask(2))).toBe(1);
    expect(await statementsOf(() => ask(100))).toBe(1);
    expect((await ask(100)).conversations).toHaveLength(22);
  });

  test("40 §4: unread of all conversations is one statement", async () => {
    const unread = conversationService(repo.context).batchGetUnreadCounts as unknown as Call<object, object>;
    const ask = () => unread({ userId: ann.toString(), conversationIds: [] }, undefined as never);
    expect(await statementsOf(ask)).toBe(1);
  });

  test("00 §5: a history page with the right to read it is one statement", async () => {
    const history = messageService(repo.context).getConversationMessages as unknown as Call<
      object,
      { messages: object[] }
    >;
    const query = { startSeqId: 0n, endSeqId: 0n, limit: 50, ascending: false, typeFilter: [] };
    const viewer = { conversationId: groups[0] ?? "", viewerId: ann.toString(), asMember: true };
    const ask = () => history({ ...query, ...viewer }, undefined as never);
    expect(await statementsOf(ask)).toBe(1);
    expect((await ask()).messages).toHaveLength(1);
  });
}
