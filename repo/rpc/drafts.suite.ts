import { describe, expect, test } from "bun:test";
import type { CreateTestRepo } from "../testing.ts";
import { ChangesFixture, codeOf } from "./changes-testing.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function draftsSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);
  const set = (userId: string, content: string, replyToMessageId = "", conversationId = at.group) =>
    at.conversation.setDraft({ userId, conversationId, content, replyToMessageId });
  const list = (userId: string, fields: { updatedSince?: bigint; limit?: number; offset?: number } = {}) =>
    at.conversation.listDrafts({ userId, ...fields });
  const textsOf = async (...asked: Parameters<typeof list>) =>
    (await list(...asked)).drafts.map(({ content }) => content);

  describe("drafts", () => {
    test("one per user and conversation: the last write is kept, as it was written", async () => {
      const text = "  'hi' \u{1F600} \\ %\n";
      await set(at.ann, "h");
      at.nowMs += 5_000;
      const { draft, changed } = await set(at.ann, text, "77");
      expect(changed).toBe(true);
      expect(draft).toMatchObject({ conversationId: at.group, content: text, replyToMessageId: "77" });
      expect([draft?.updatedAt, draft?.version]).toEqual([BigInt(at.nowMs) / 1000n, BigInt(at.nowMs)]);
      expect((await list(at.ann)).drafts).toEqual([draft as never]);
      expect(await textsOf(at.bob)).toEqual([]);
    });

    test("`version` grows with every write, within one millisecond and when the clock goes back, too", async () => {
      const versions: bigint[] = [];
      for (const [content, stepMs] of [
        ["a", 0],
        ["b", 0],
        ["", 0],
        ["c", -60_000],
      ] as const) {
        at.nowMs += stepMs;
        versions.push((await set(at.ann, content)).draft?.version ?? 0n);
      }
      expect(versions).toEqual([0n, 1n, 2n, 3n].map((step) => (versions[0] ?? 0n) + step));
    });

    test("writes at the same time have an order: each its own version, the highest is kept", async () => {
      await set(at.ann, "first");
      const texts = Array.from({ length: 20 }, (_, n) => `text ${n}`);
      const drafts = await Promise.all(texts.map(async (text) => (await set(at.ann, text)).draft));
      const versions = drafts.map((draft) => draft?.version ?? 0n).sort((a, b) => (a < b ? -1 : 1));
      expect(new Set(versions).size).toBe(texts.length);
      const [kept] = (await list(at.ann)).drafts;
      expect(kept?.version).toBe(versions.at(-1) ?? 0n);
      expect(drafts.find((draft) => draft?.version === kept?.version)).toEqual(kept);
    });

    test("who hides the conversation drops a draft by a higher version than it had", async () => {
      const { serverTime } = await list(at.ann);
      await set(at.ann, "a");
      const { draft } = await set(at.ann, "b");
      await at.send(at.bob, "x");
      const mask = { hiddenBeforeSeq: 1n, updateMask: ["hidden_before_seq"] };
      await at.conversation.updateMember({ conversationId: at.group, userId: at.ann, ...mask });
      const [dropped] = (await list(at.ann, { updatedSince: serverTime })).drafts;
      expect([dropped?.content, dropped?.version]).toEqual(["", (draft?.version ?? 0n) + 1n]);
    });

    test("who is removed while he writes leaves no draft behind", async () => {
      const { db, tables } = at.repo.context;
      const one = { conversationId: at.group, operatorId: at.owner };
      await at.setMember(at.owner, { role: 3 });
      for (let n = 0; n < 10; n += 1) {
        const writing = Array.from({ length: 4 }, (_, k) => set(at.bob, `text ${n} ${k}`).catch(() => undefined));
        await at.conversation.removeConversationMember({ ...one, userId: at.bob, reason: 1 });
        await Promise.all(writing);
        expect(await db.q.select({ content: tables.drafts.content }).from(tables.drafts)).toEqual([]);
        await at.conversation.addConversationMember({ ...one, userIds: [at.bob], membersMax: 9 });
      }
    });

    test("the same again, and removing what is not there, change nothing", async () => {
      expect((await set(at.ann, "")).changed).toBe(false);
      const first = await set(at.ann, "x", "5");
      at.nowMs += 5_000;
      const again = await set(at.ann, "x", "5");
      expect([again.changed, again.draft]).toEqual([false, first.draft]);
      expect((await set(at.ann, "x")).changed).toBe(true);
      expect((await set(at.ann, "")).changed).toBe(true);
      expect((await set(at.ann, "")).changed).toBe(false);
    });

    test("pages, newest first", async () => {
      const single = await at.repo.addConversation([BigInt(at.ann), BigInt(at.bob)], { single: true });
      for (const id of [at.group, single, "world"]) {
        at.nowMs += 1_000;
        await set(at.ann, id, "", id);
      }
      expect(await textsOf(at.ann)).toEqual(["world", single, at.group]);
      expect((await list(at.ann, { limit: 2 })).hasMore).toBe(true);
      const rest = await list(at.ann, { limit: 2, offset: 2 });
      expect([rest.drafts.map(({ content }) => content), rest.hasMore]).toEqual([[at.group], false]);
    });

    test("`updated_since`: what changed, oldest first, with what was removed; the window overlaps by 10 s", async () => {
      await set(at.ann, "old");
      at.nowMs += 60_000;
      const { serverTime } = await list(at.ann);
      expect(serverTime).toBe(BigInt(at.nowMs) / 1000n);
      at.nowMs += 1_000;
      await set(at.ann, "w", "", "world");
      at.nowMs += 1_000;
      await set(at.ann, "");
      expect(await textsOf(at.ann)).toEqual(["w"]);
      expect(await textsOf(at.ann, { updatedSince: serverTime })).toEqual(["w", ""]);
      expect(await textsOf(at.ann, { updatedSince: serverTime + 11n })).toEqual(["w", ""]);
      expect(await textsOf(at.ann, { updatedSince: serverTime + 12n })).toEqual([""]);
    });

    test("G7: members only; in a dissolved conversation a draft can be removed, not written", async () => {
      const eve = (await at.repo.addUser()).toString();
      expect(await codeOf(set(eve, "x"))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await codeOf(set(eve, ""))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await codeOf(set(at.ann, "x", "", "group_1"))).toBe("NOT_CONVERSATION_MEMBER");
      await set(at.ann, "kept");
      await at.setGroup({ dissolvedAt: 1 });
      expect(await codeOf(set(at.ann, "y"))).toBe("CONVERSATION_DISSOLVED");
      expect(await textsOf(at.ann)).toEqual(["kept"]);
      expect((await set(at.ann, "")).changed).toBe(true);
    });

    test("who leaves or is removed has none left, also after coming back; the others keep theirs", async () => {
      for (const userId of [at.owner, at.ann, at.bob]) await set(userId, userId);
      const at1 = { conversationId: at.group, operatorId: at.owner, clientMsgId: "m1" };
      await at.conversation.removeConversationMember({ ...at1, userId: at.ann, reason: 1 });
      await at.conversation.removeConversationMember({ ...at1, operatorId: at.bob, userId: at.bob, reason: 2 });
      await at.conversation.addConversationMember({
        ...at1,
        clientMsgId: "m2",
        userIds: [at.ann, at.bob],
        role: 1,
        membersMax: 9,
      });
      expect([await textsOf(at.ann), await textsOf(at.bob), await textsOf(at.owner)]).toEqual([[], [], [at.owner]]);
    });

    test("hiding a conversation removes the draft in it, and the next list says so", async () => {
      const id = await at.repo.addConversation([BigInt(at.ann), BigInt(at.bob)], { single: true });
      await set(at.ann, "a", "", id);
      await set(at.bob, "b", "", id);
      at.nowMs += 60_000;
      const mask = { hiddenBeforeSeq: 1n, updateMask: ["hidden_before_seq"] };
      await at.conversation.updateMember({ conversationId: id, userId: at.ann, ...mask });
      expect([await textsOf(at.ann), await textsOf(at.bob)]).toEqual([[], ["b"]]);
      expect(await textsOf(at.ann, { updatedSince: BigInt(at.nowMs) / 1000n })).toEqual([""]);
    });

    test("what the store would refuse is refused before", async () => {
      for (const content of ["a\0", "\udc00", "x".repeat(5001), "漢".repeat(5500)]) {
        expect(await codeOf(set(at.ann, content))).toBe("INVALID_PARAMETER");
      }
      expect(await codeOf(set(at.ann, "x", "07"))).toBe("INVALID_PARAMETER");
      expect(await codeOf(set("", "x"))).toBe("INVALID_PARAMETER");
      expect(await codeOf(list(at.ann, { offset: -1 }))).toBe("INVALID_PARAMETER");
    });
  });
}
