import { expect, test } from "bun:test";
import { ChangesFixture } from "../rpc/changes-testing.ts";
import { randomChanges, randomNumbers } from "../rpc/random-changes.ts";
import type { CreateTestRepo } from "../testing.ts";
import { PagesFixture } from "./page-testing.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function tailsSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);

  const pages = new PagesFixture(at);
  const page: PagesFixture["page"] = (message, asked) => pages.page(message, asked);

  test("00 §5: a page is one statement, cold, from memory, and when something was sent since", async () => {
    for (let n = 0; n < 60; n += 1) await at.send(at.ann, `text ${n}`);
    const asked = { conversationId: at.group, viewerId: at.bob, asMember: true, limit: 50 };
    const ask = () => page(at.message, asked);
    expect(await pages.statementsOf(ask)).toBe(1);
    const again = at.repo.context.writes === undefined ? 1 : 0;
    expect(await pages.statementsOf(ask)).toBe(again);
    await at.send(at.owner, "more");
    expect(await pages.statementsOf(ask)).toBe(1);
    expect(await pages.statementsOf(ask)).toBe(again);
    expect(await ask()).toEqual(await page(pages.unread(), asked));
  });

  test("rows that did not change are the very objects of before, so that their text is made once", async () => {
    for (let n = 0; n < 5; n += 1) await at.send(at.ann, `text ${n}`);
    const before = await at.history(at.bob);
    await at.send(at.ann, "one more");
    const after = await at.history(at.bob);
    expect(after.map((row, index) => row === before[index])).toEqual([true, true, true, true, true, false]);
  });

  test("G7: who was removed reads nothing from memory", async () => {
    await at.send(at.ann, "text");
    const asked = { conversationId: at.group, viewerId: at.bob, asMember: true };
    for (let n = 0; n < 3; n += 1) expect(await page(at.message, asked)).toMatchObject({ latestSeqId: 1n });
    const one = { conversationId: at.group, operatorId: at.owner };
    await at.conversation.removeConversationMember({ ...one, userId: at.bob, reason: 1 });
    expect(await page(at.message, asked)).toBe("NOT_CONVERSATION_MEMBER");
  });

  for (const [kind, isRoom] of [
    ["group", false],
    ["room", true],
  ] as const) {
    test(`every answer is that of the database: random pages of a ${kind} between random changes`, async () => {
      await at.setMember(at.owner, { role: 3 });
      await at.setGroup({ isRoom });
      const random = randomNumbers(11);
      const { make } = randomChanges(at, random);
      for (let step = 0; step < 150; step += 1) {
        at.nowMs += random(2000);
        await make();
        for (let n = 0; n < 3; n += 1) {
          const head = step * 3 + 5;
          const startSeqId = BigInt(random(3) === 0 ? random(head) : 0);
          const endSeqId = BigInt(random(3) === 0 ? random(head) : 0);
          const viewerId = [at.owner, at.ann, at.bob][random(3)] ?? at.owner;
          const range = { startSeqId, endSeqId, limit: 1 + random(60), ascending: random(2) === 0 };
          await pages.expectTrue({ conversationId: at.group, viewerId, asMember: true, ...range });
        }
      }
    }, 60_000);
  }
}
