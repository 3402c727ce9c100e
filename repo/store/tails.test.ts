import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { CommitItemSchema } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { ChangesFixture } from "../rpc/changes-testing.ts";
import { createSharedTestRepo, createTestRepo } from "../testing.ts";
import type { Writes, Written } from "../writes.ts";
import { createMessageStore } from "./message.ts";
import { tailsSuite } from "./tails.suite.ts";
import { createTails } from "./tails.ts";

tailsSuite(createTestRepo);
describe("where other processes write too", () => tailsSuite(createSharedTestRepo));

const at = new ChangesFixture(createTestRepo);

test("a name that changes while a page is read is not shown as it was by the next one", async () => {
  await at.send(at.ann, "text");
  const { context } = at.repo;
  let meanwhile: (() => Promise<void>) | undefined = () => at.rename(at.ann, "another");
  const db: typeof context.db = Object.create(context.db, {
    ask: {
      async value(...args: Parameters<typeof context.db.ask>) {
        const answers = await context.db.ask(...args);
        const change = meanwhile;
        meanwhile = undefined;
        await change?.();
        return answers;
      },
    },
  });
  const store = createMessageStore({ ...context, db });
  const query = { conversationId: at.group, startSeq: 0n, endSeq: 0n, limit: 50, ascending: true, types: [] };
  await store.page(query);
  expect(meanwhile).toBeUndefined();
  expect((await store.page(query))?.messages[0]?.sender?.username).toBe("another");
});

describe("where other processes rename", () => {
  const other = new ChangesFixture(createSharedTestRepo);

  test("a name is old for 30 s at most, however many rows are stored above a tail", async () => {
    await other.send(other.ann, "text");
    await other.history();
    await other.rename(other.ann, "another");
    const row = { conversationId: other.group, senderId: other.bob, type: MessageType.TEXT, content: "text" };
    const items = Array.from({ length: 200 }, (_, n) => {
      const ids = { messageId: `${n + 1}`, clientMsgId: `${n + 1}` };
      return create(CommitItemSchema, { ...row, ...ids, sendHash: new Uint8Array(32) });
    });
    await other.message.commitMessages({ items });
    other.nowMs += 29_000;
    await other.history();
    other.nowMs += 1000;
    expect((await other.history())[0]?.sender?.username).toBe("another");
  });
});

test("G4: rows of edits count the text that they show", async () => {
  const messageId = await at.send(at.ann, "x");
  const edit = { messageId, content: "y".repeat(5000), operatorId: at.ann, windowSeconds: 120n };
  await at.message.updateMessageContent(edit);
  const edited = (await at.history(at.ann)).at(-1);
  expect(edited?.change.case).toBe("edit");
  const tails = createTails(() => at.nowMs, undefined);
  const messages = Array.from({ length: 100 }, () => edited as NonNullable<typeof edited>);
  const window = { messages, bytes: messages.map(() => 0), newest: 100n };
  // A million characters each.
  for (let n = 0; n < 70; n += 1) tails.keep(`group_${n}`, window, tails.reading(), undefined);
  const asked = { startSeq: 0n, endSeq: 0n, limit: 10, ascending: false, types: [] };
  expect(tails.find({ ...asked, conversationId: "group_69" })).toBeDefined();
  expect(tails.find({ ...asked, conversationId: "group_0" })).toBeUndefined();
});

test("G7: a right that was read before a write is not kept after it", async () => {
  for (const text of ["1", "2", "3"]) await at.send(at.ann, text);
  const messages = await at.history(at.ann);
  const windowTo = (seq: number) => ({ messages: messages.slice(0, seq), bytes: [1, 1, 1], newest: BigInt(seq) });
  let tell = (_: Written): void => undefined;
  const writes: Writes = {
    watch(listener) {
      tell = listener;
    },
    only: () => undefined,
  };
  const tails = createTails(() => at.nowMs, writes);
  const window = windowTo(1);
  const asked = { conversationId: "group_1", startSeq: 0n, endSeq: 0n, limit: 10, ascending: false, types: [] };
  const [bob, ann, eve] = [1n, 2n, 3n].map((memberId) => ({ memberId, hiddenBefore: 0n }));
  const rights = () => [...(tails.find(asked)?.rights.keys() ?? [])];
  tails.keep("group_1", window, tails.reading(), bob);
  const before = tails.reading();
  tails.reached("group_1", window, before, ann);
  expect(rights()).toEqual([1n, 2n]);
  tell({ all: false, conversations: new Set(), members: [[1n, "group_1"]] });
  tails.reached("group_1", window, before, eve);
  expect(rights()).toEqual([]);
  const raised = windowTo(2);
  tails.raise("group_1", window, raised, before, eve);
  expect([tails.find(asked)?.window.newest, rights()]).toEqual([2n, []]);
  tails.raise("group_1", raised, windowTo(3), tails.reading(), eve);
  expect(rights()).toEqual([3n]);
});
