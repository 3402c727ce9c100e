import { describe, expect, test } from "bun:test";
import type { CreateTestRepo } from "../testing.ts";
import { ChangesFixture, codeOf } from "./changes-testing.ts";

/** Reactions and pins. Runs on every database: `createTestRepo` says on which. */
export function reactionsSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);

  describe("reactions (spec 10 §7)", () => {
    const react = (messageId: string, userId: string, emoji: string, fields = {}) =>
      at.message.setReaction({ messageId, userId, emoji, removed: false, ...fields });
    const shown = async (messageId: string, viewerId: string) => {
      const { message } = await at.message.getMessage({ messageId, viewerId });
      return message?.reactions.map(({ emoji, count, mine }) => `${emoji}${count}${mine ? " mine" : ""}`);
    };

    test("counts by emoji in the order of the first, and which are mine, everywhere a message is read", async () => {
      const target = await at.send(at.ann, "x");
      await react(target, at.ann, "👍");
      await react(target, at.bob, "👍");
      await react(target, at.bob, "❤️");
      expect(await shown(target, at.ann)).toEqual(["👍2 mine", "❤️1"]);
      expect(await shown(target, at.bob)).toEqual(["👍2 mine", "❤️1 mine"]);
      expect(await shown(target, "")).toEqual(["👍2", "❤️1"]);
      expect((await at.history(at.ann))[0]?.reactions.map(({ mine }) => mine)).toEqual([true, false]);
      const { messages } = await at.message.getMessages({ messageIds: [target], viewerId: at.ann });
      expect(messages[0]?.reactions.map(({ mine }) => mine)).toEqual([true, false]);
    });

    test("each is a row of the stream; repeating and taking back what is not there are none", async () => {
      const target = await at.send(at.ann, "x");
      const first = await react(target, at.bob, "👍");
      expect(first.changes?.rows[0]?.change).toMatchObject({
        case: "reaction",
        value: { messageId: target, targetSeqId: 1n, userId: at.bob, emoji: "👍", removed: false, count: 1 },
      });
      expect((await react(target, at.bob, "👍")).changes?.rows).toEqual([]);
      expect((await react(target, at.ann, "👍", { removed: true })).changes?.rows).toEqual([]);
      const back = await react(target, at.bob, "👍", { removed: true });
      expect([back.message?.reactions, back.changes?.rows[0]?.seqId]).toEqual([[], 3n]);
      expect((await at.history()).map((row) => row.changeType)).toEqual(["", "reaction", "reaction"]);
    });

    test("emojis are compared as bytes, mentions stay beside them", async () => {
      const target = await at.send(at.ann, "x");
      for (const emoji of ["😀", "😁", "a", "A", "ä"]) await react(target, at.bob, emoji);
      expect(await shown(target, "")).toEqual(["😀1", "😁1", "a1", "A1", "ä1"]);
    });

    test("REACTION_LIMIT: 20 different emojis; one that is there may be joined", async () => {
      const target = await at.send(at.ann, "x");
      for (let n = 0; n < 20; n += 1) await react(target, at.bob, `e${n}`);
      expect(await codeOf(react(target, at.ann, "e20"))).toBe("REACTION_LIMIT");
      expect(await codeOf(react(target, at.ann, "e19"))).toBe("nothing");
      await react(target, at.bob, "e0", { removed: true });
      expect(await codeOf(react(target, at.ann, "e20"))).toBe("nothing");
    });

    test("two at once are both counted", async () => {
      const target = await at.send(at.ann, "x");
      await Promise.all([react(target, at.ann, "👍"), react(target, at.bob, "👍"), react(target, at.owner, "👍")]);
      expect(await shown(target, at.ann)).toEqual(["👍3 mine"]);
    });

    test("each refusal by its name; a recall takes the reactions away", async () => {
      const target = await at.send(at.ann, "x");
      const eve = (await at.repo.addUser()).toString();
      expect(await codeOf(react(target, eve, "👍"))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await codeOf(react("5", at.ann, "👍"))).toBe("MESSAGE_NOT_FOUND");
      for (const emoji of ["", " ", "x".repeat(33), "\0", "\ud800"]) {
        expect(await codeOf(react(target, at.ann, emoji))).toBe("INVALID_PARAMETER");
      }
      await at.setMember(at.bob, { hiddenBeforeSeq: 1n });
      expect(await codeOf(react(target, at.bob, "👍"))).toBe("MESSAGE_NOT_FOUND");
      await react(target, at.ann, "👍");
      await at.message.deleteMessage({ messageId: target, operatorId: at.ann, windowSeconds: 120n });
      expect(await shown(target, at.ann)).toEqual([]);
      expect(await codeOf(react(target, at.ann, "👍"))).toBe("MESSAGE_RECALLED");
    });

    test("BLOCKED_BY_USER in a single chat", async () => {
      const conversationId = await at.repo.addConversation([BigInt(at.ann), BigInt(at.bob)], { single: true });
      const target = await at.send(at.ann, "x", { conversationId });
      await at.block(at.ann, at.bob);
      expect(await codeOf(react(target, at.bob, "👍"))).toBe("BLOCKED_BY_USER");
      expect(await codeOf(react(target, at.ann, "👍"))).toBe("nothing");
    });
  });

  describe("pins (spec 10 §7)", () => {
    const pin = (messageId: string, operatorId: string, fields = {}) =>
      at.conversation.pinMessage({ messageId, operatorId, ...fields });
    const unpin = (messageId: string, operatorId: string) => at.conversation.unpinMessage({ messageId, operatorId });
    const listed = async () =>
      (await at.conversation.listPins({ conversationId: at.group })).pins.map((one) => one.messageId);

    test("newest first; each a row of the stream; repeating is none; a recall unpins", async () => {
      const [a, b] = [await at.send(at.ann, "a"), await at.send(at.ann, "b")];
      const first = await pin(a, at.owner);
      expect(first.changes?.rows[0]).toMatchObject({ changeType: "pin", seqId: 3n, targetSeqId: 1n });
      at.nowMs += 1000;
      const second = await pin(b, at.owner);
      expect(second.pins.map((one) => [one.messageId, one.seqId, one.pinnedBy])).toEqual([
        [b, 2n, at.owner],
        [a, 1n, at.owner],
      ]);
      expect((await pin(b, at.owner)).changes?.rows).toEqual([]);
      const off = await unpin(a, at.owner);
      expect([off.pins.length, off.changes?.rows[0]?.changeType]).toEqual([1, "unpin"]);
      expect((await unpin(a, at.owner)).changes?.rows).toEqual([]);
      await at.message.deleteMessage({ messageId: b, operatorId: at.owner });
      expect(await listed()).toEqual([]);
    });

    test("each refusal by its name: role, limit, tombstone", async () => {
      const target = await at.send(at.ann, "x");
      expect(await codeOf(pin(target, at.ann))).toBe("INSUFFICIENT_PERMISSION");
      expect(await codeOf(unpin(target, at.ann))).toBe("INSUFFICIENT_PERMISSION");
      for (let n = 0; n < 20; n += 1) await pin(await at.send(at.ann, String(n)), at.owner);
      expect(await codeOf(pin(target, at.owner))).toBe("PIN_LIMIT");
      await at.message.deleteMessage({ messageId: target, operatorId: at.owner });
      expect(await codeOf(pin(target, at.owner))).toBe("MESSAGE_RECALLED");
      expect(await listed()).toHaveLength(20);
    });

    test("both sides of a single chat may pin, nobody in the world", async () => {
      const conversationId = await at.repo.addConversation([BigInt(at.ann), BigInt(at.bob)], { single: true });
      const target = await at.send(at.ann, "x", { conversationId });
      expect((await pin(target, at.bob)).pins).toHaveLength(1);
      const world = await at.send(at.ann, "x", { conversationId: "world" });
      expect(await codeOf(pin(world, at.ann))).toBe("INSUFFICIENT_PERMISSION");
    });
  });

  test("history filters: no tombstones, no changes, types; such a page is complete for nothing", async () => {
    const [a, b] = [await at.send(at.ann, "a"), await at.send(at.ann, "b")];
    await at.message.deleteMessage({ messageId: a, operatorId: at.ann, windowSeconds: 120n });
    const seqs = async (fields: object) => {
      const page = await at.message.getConversationMessages({ conversationId: at.group, ascending: true, ...fields });
      expect(page.completeTo < page.completeFrom).toBe(Object.keys(fields).length > 0);
      return page.messages.map((row) => Number(row.seqId));
    };
    expect(b).not.toBe(a);
    expect(await seqs({})).toEqual([1, 2, 3]);
    expect(await seqs({ excludeChanges: true })).toEqual([1, 2]);
    expect(await seqs({ excludeDeleted: true })).toEqual([2, 3]);
    expect(await seqs({ excludeDeleted: true, excludeChanges: true })).toEqual([2]);
    expect(await seqs({ typeFilter: [1], excludeDeleted: true })).toEqual([2]);
  });
}
