import { expect, test } from "bun:test";
import { ChangesFixture } from "../rpc/changes-testing.ts";
import { createTestRepo } from "../testing.ts";
import { createMessageStore } from "./message.ts";
import { tailsSuite } from "./tails.suite.ts";
import { createTails } from "./tails.ts";

tailsSuite(createTestRepo);

const at = new ChangesFixture(createTestRepo);

test("a name that changes while a page is read is not shown as it was by the next one", async () => {
  const answered = await at.send(at.ann, "text");
  await at.send(at.bob, "reply", { reply: answered });
  const { context } = at.repo;
  let meanwhile: (() => Promise<void>) | undefined = () => at.rename(at.ann, "another");
  const db: typeof context.db = Object.create(context.db, {
    // What is replied to is read after the rows and their senders.
    find: {
      async value(...args: Parameters<typeof context.db.find>) {
        const change = meanwhile;
        meanwhile = undefined;
        await change?.();
        return await context.db.find(...args);
      },
    },
  });
  const store = createMessageStore({ ...context, db });
  const query = { conversationId: at.group, startSeq: 0n, endSeq: 0n, limit: 50, ascending: true, types: [] };
  await store.page(query);
  expect(meanwhile).toBeUndefined();
  expect((await store.page(query))?.messages[0]?.sender?.username).toBe("another");
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
  for (let n = 0; n < 70; n += 1) tails.keep(`group_${n}`, window, tails.reading());
  const asked = { startSeq: 0n, endSeq: 0n, limit: 10, ascending: false, types: [] };
  expect(tails.find({ ...asked, conversationId: "group_69" })).toBeDefined();
  expect(tails.find({ ...asked, conversationId: "group_0" })).toBeUndefined();
});
