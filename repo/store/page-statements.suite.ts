import { beforeEach, describe, expect, test } from "bun:test";
import { ChangesFixture } from "../rpc/changes-testing.ts";
import type { CreateTestRepo } from "../testing.ts";
import { type Asked, PagesFixture } from "./page-testing.ts";

/** Issue 6: one statement at most per request. Runs on every database: `createTestRepo` says on which. */
export function pageStatementsSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);
  const pages = new PagesFixture(at);
  const windowSeconds = 120n;
  let first = "";
  let second = "";

  beforeEach(async () => {
    await at.setMember(at.owner, { role: 3 });
    first = await at.send(at.ann, "first");
    second = await at.send(at.bob, "second", { reply: first });
    await at.send(at.bob, "third", { reply: first });
    await react(first, at.bob, "+");
    await react(first, at.owner, "-");
    await react(second, at.bob, 'an "odd"\none');
    await edit(second, "second, edited", at.bob);
  });

  const react = (messageId: string, userId: string, emoji: string, removed = false) =>
    at.message.setReaction({ messageId, userId, emoji, removed });
  const edit = (messageId: string, content: string, operatorId: string) =>
    at.message.updateMessageContent({ messageId, content, operatorId, windowSeconds });
  const recall = (messageId: string, operatorId: string) =>
    at.message.deleteMessage({ messageId, operatorId, windowSeconds });
  const asked = (fields: Partial<Asked> = {}): Asked => ({
    conversationId: at.group,
    viewerId: at.bob,
    asMember: true,
    limit: 50,
    ...fields,
  });

  /** The statements of one question, whose answer is true. */
  async function statements(fields: Partial<Asked> = {}): Promise<number> {
    const given = asked(fields);
    const count = await pages.statementsOf(() => pages.page(at.message, given));
    await pages.expectTrue(given);
    return count;
  }
  /** What is read of a page that is held: nothing where this process alone writes. */
  const held = () => (at.repo.context.writes === undefined ? 1 : 0);

  describe("cold", () => {
    test("replies, edits and reactions, those of the viewer marked", async () => {
      expect(await statements()).toBe(1);
      const [one, two] = await at.history(at.bob);
      expect(one?.reactions.map(({ emoji, mine }) => [emoji, mine])).toEqual([
        ["+", true],
        ["-", false],
      ]);
      expect(two?.replyTo?.preview).toBe("first");
      expect(two?.reactions[0]).toMatchObject({ emoji: 'an "odd"\none', mine: true });
    });

    test("a part of the past, both ways", async () => {
      expect(await statements({ ascending: true, limit: 3 })).toBe(1);
      expect(await statements({ ascending: false, endSeqId: 5n })).toBe(1);
    });

    test("a preview is short by characters, whatever they take", async () => {
      const long = await at.send(at.ann, "\u{1f600}\u4e2d".repeat(80));
      await at.send(at.ann, "answer", { reply: long });
      expect(await statements()).toBe(1);
      const answer = (await at.history(at.bob)).at(-1);
      expect(answer?.replyTo?.preview).toBe("\u{1f600}\u4e2d".repeat(50));
    });

    test("a long text is whole in the row of its edit, whoever replies to it before and after", async () => {
      await edit(first, "z".repeat(150), at.ann);
      await at.send(at.ann, "answer", { reply: first });
      for (const ascending of [true, false]) {
        const answer = await pages.page(pages.unread(), asked({ ascending }));
        if (typeof answer === "string") throw new Error(answer);
        const edits = answer.messages.map(({ change }) => (change.case === "edit" ? change.value.content.length : 0));
        expect(Math.max(...edits)).toBe(150);
        await pages.expectTrue(asked({ ascending }));
      }
    });

    test("filters", async () => {
      await at.send(at.ann, "picture", { type: 2 });
      await recall(first, at.ann);
      const seqs = async (fields: Partial<Asked>) => {
        expect(await statements(fields)).toBe(1);
        const answer = await pages.page(at.message, asked(fields));
        return typeof answer === "string" ? answer : answer.messages.map(({ seqId }) => Number(seqId));
      };
      expect(await seqs({ typeFilter: [2] })).toEqual([8]);
      expect(await seqs({ typeFilter: [2, 3, 1, 3] })).toEqual([8, 3, 2, 1]);
      expect(await seqs({ excludeChanges: true })).toEqual([8, 3, 2, 1]);
      expect(await seqs({ excludeDeleted: true, ascending: true })).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await seqs({ excludeDeleted: true, excludeChanges: true, startSeqId: 3n })).toEqual([8, 3]);
    });

    test("nothing is hidden from who does not ask as a member", async () => {
      await at.setMember(at.bob, { hiddenBeforeSeq: 2n });
      const seqs = async (fields: Partial<Asked>) => {
        const answer = await pages.page(pages.unread(), asked({ ...fields, ascending: true }));
        return typeof answer === "string" ? answer : answer.messages.map(({ seqId }) => Number(seqId));
      };
      expect(await seqs({ asMember: false })).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(await seqs({ asMember: true })).toEqual([3, 4, 5, 6, 7]);
    });
  });

  describe("warm", () => {
    test("with reactions, of each viewer his own", async () => {
      for (const viewerId of [at.bob, at.owner, at.ann]) expect(await statements({ viewerId })).toBeLessThanOrEqual(1);
      for (const viewerId of [at.bob, at.owner, at.ann]) expect(await statements({ viewerId })).toBe(held());
    });

    const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["an edit", () => edit(first, "first, edited", at.ann)],
      ["another edit of what has a row of an edit", () => edit(second, "once more", at.bob)],
      ["a recall", () => recall(first, at.ann)],
      ["a recall of what was edited", () => recall(second, at.bob)],
      ["a reaction", () => react(first, at.bob, "x")],
      ["a reaction that is taken back", () => react(first, at.bob, "+", true)],
      ["a pin", () => at.conversation.pinMessage({ messageId: first, operatorId: at.owner })],
      ["a reply", () => at.send(at.ann, "answer", { reply: second })],
      [
        "many",
        async () => {
          const fresh = await at.send(at.ann, "fresh", { reply: second });
          await react(fresh, at.bob, "y");
          await edit(fresh, "fresh, edited", at.ann);
          await edit(second, "other", at.bob);
          await recall(second, at.bob);
        },
      ],
    ];
    for (const [name, change] of changes) {
      test(`read once after ${name} was stored`, async () => {
        await statements();
        await change();
        expect(await statements()).toBe(1);
        expect(await statements({ viewerId: at.owner })).toBe(1);
        expect(await statements()).toBeLessThanOrEqual(1);
        expect(await statements()).toBe(held());
      });
    }

    test("the oldest row of a full tail, after something was stored", async () => {
      for (let n = 7; n < 100; n += 1) await at.send(at.ann, `text ${n}`);
      await statements({ limit: 100 });
      await at.send(at.ann, "more");
      expect(await statements({ startSeqId: 1n, ascending: true, limit: 100 })).toBe(1);
    });

    test("more was stored than is read above a tail", async () => {
      await statements();
      for (let n = 0; n < 201; n += 1) await at.send(at.ann, `text ${n}`);
      expect(await statements()).toBe(1);
      expect(await statements()).toBeLessThanOrEqual(1);
    });

    test("a change of a type that this program does not know: all is read again", async () => {
      await statements();
      await recall(first, at.ann);
      await at.setLastChange({ changeType: "of_tomorrow" });
      await pages.expectTrue(asked());
    });
  });

  describe("a room", () => {
    beforeEach(() => at.setGroup({ isRoom: true }));

    test("cold, read for all, and warm", async () => {
      for (let n = 0; n < 60; n += 1) await at.send(at.ann, `text ${n}`);
      expect(await statements({ limit: 5 })).toBe(1);
      // More than is held: the newest rows are read for all.
      expect(await statements({ limit: 50 })).toBe(1);
      expect(await statements({ startSeqId: 2n, ascending: true })).toBeLessThanOrEqual(1);
      expect(await statements({ startSeqId: 2n, ascending: true })).toBe(held());
    });

    test("after a change was stored", async () => {
      await statements();
      await react(second, at.owner, "z");
      await edit(first, "other", at.ann);
      expect(await statements()).toBe(1);
      expect(await statements({ viewerId: at.owner })).toBe(1);
    });
  });
}
