import { describe, expect, test } from "bun:test";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { CreateTestRepo } from "../testing.ts";
import { ChangesFixture, codeOf } from "./changes-testing.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function messageChangesSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);

  describe("recall", () => {
    const recall = (messageId: string, operatorId: string, fields = {}) =>
      at.message.deleteMessage({ messageId, operatorId, reason: "", windowSeconds: 120n, ...fields });

    const audited = () => {
      const { db, tables } = at.repo.context;
      return db.q.select().from(tables.auditLog);
    };

    test("a tombstone in history, replies and answers, and a row that says who and when", async () => {
      const target = await at.send(at.ann, "secret");
      await at.send(at.bob, "re", { reply: target });
      const { message, changes } = await recall(target, at.ann, { reason: "typo", clientMsgId: "r1" });
      expect(message).toMatchObject({ id: target, deleted: true, content: "", extra: "", recalledBy: at.ann });
      expect(changes?.rows[0]).toMatchObject({
        seqId: 3n,
        changeType: "recall",
        targetMessageId: target,
        targetSeqId: 1n,
        clientMsgId: "r1",
        change: { case: "recall", value: { messageId: target, reason: "typo" } },
      });
      const rows = await at.history();
      expect(rows.map((row) => [row.deleted, row.changeType])).toEqual([
        [true, ""],
        [false, ""],
        [false, "recall"],
      ]);
      expect(rows[1]?.replyTo?.preview).toBe("");
      expect(rows[2]).toEqual(changes?.rows[0] as never);
    });

    test("spec 30 §4: the audit log keeps what was recalled, once, and who did it", async () => {
      const text = `"\u0001${"\u{1f600}".repeat(4000)}`;
      const target = await at.send(at.ann, text, { reply: await at.send(at.bob, "q") });
      await recall(target, at.owner, { reason: "rude" });
      await recall(target, at.owner, { reason: "rude" });
      const lines = await audited();
      expect(lines).toHaveLength(1);
      const { detail, ...line } = lines[0] ?? { detail: "{}" };
      expect(line).toMatchObject({ actorId: BigInt(at.owner), action: "message.recall", objectType: "message" });
      expect(line).toMatchObject({ objectId: target, ip: null, createdAt: at.nowMs });
      expect(JSON.parse(detail)).toMatchObject({
        conversationId: at.group,
        senderId: at.ann,
        seqId: "2",
        content: text,
        extra: '{"a":1}',
        reason: "rude",
        sentAtMs: at.nowMs,
      });
    });

    test("the largest text with the widest escapes has room in the audit log", async () => {
      const text = "\u0001".repeat(5000);
      await recall(await at.send(at.ann, text), at.ann);
      const [line] = await audited();
      expect(JSON.parse(line?.detail ?? "{}").content).toBe(text);
    });

    test("what is refused leaves no line in the audit log", async () => {
      const target = await at.send(at.ann, "x");
      expect(await codeOf(recall(target, at.bob))).toBe("INSUFFICIENT_PERMISSION");
      expect(await audited()).toEqual([]);
    });

    test("again by the same operator: the tombstone and no row; by another one: MESSAGE_RECALLED", async () => {
      const target = await at.send(at.ann, "x");
      await recall(target, at.ann);
      const again = await recall(target, at.ann);
      expect([again.message?.deleted, again.changes?.rows]).toEqual([true, []]);
      expect(await codeOf(recall(target, at.owner))).toBe("MESSAGE_RECALLED");
      expect(await at.history()).toHaveLength(2);
    });

    test("RECALL_TIME_EXCEEDED after the window; who stands above has no limit", async () => {
      const target = await at.send(at.ann, "x");
      at.nowMs += 121_000;
      expect(await codeOf(recall(target, at.ann))).toBe("RECALL_TIME_EXCEEDED");
      expect(await codeOf(recall(target, at.bob))).toBe("INSUFFICIENT_PERMISSION");
      expect(await codeOf(recall(target, at.owner))).toBe("nothing");
    });

    test("a conversation's own window goes before the configured one", async () => {
      await at.setGroup({ settings: '{"group_settings":{"recall_time_limit":600}}' });
      const target = await at.send(at.ann, "x");
      at.nowMs += 500_000;
      expect(await codeOf(recall(target, at.ann))).toBe("nothing");
    });

    test("G7: a stranger, an unknown message, a change as target", async () => {
      const target = await at.send(at.ann, "x");
      const eve = (await at.repo.addUser()).toString();
      expect(await codeOf(recall(target, eve))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await codeOf(recall("5", at.ann))).toBe("MESSAGE_NOT_FOUND");
      const { changes } = await recall(target, at.ann);
      expect(await codeOf(recall(changes?.rows[0]?.id ?? "", at.ann))).toBe("MESSAGE_NOT_FOUND");
    });

    test("a known client_msg_id: the stored outcome, or IDEMPOTENCY_CONFLICT for other content", async () => {
      const target = await at.send(at.ann, "x");
      const first = await recall(target, at.ann, { clientMsgId: "r" });
      const again = await recall(target, at.ann, { clientMsgId: "r" });
      expect([again.changes?.duplicate, again.changes?.rows]).toEqual([true, first.changes?.rows as never]);
      const other = await at.send(at.ann, "y");
      expect(await codeOf(recall(other, at.ann, { clientMsgId: "r" }))).toBe("IDEMPOTENCY_CONFLICT");
      expect(await codeOf(recall(target, at.ann, { clientMsgId: "\n" }))).toBe("INVALID_PARAMETER");
    });
  });

  describe("edit", () => {
    const edit = (messageId: string, content: string, fields = {}) =>
      at.message.updateMessageContent({ messageId, content, operatorId: at.ann, windowSeconds: 120n, ...fields });

    test("the text and its time in history, replies and the row of the change", async () => {
      const target = await at.send(at.ann, "teh");
      await at.send(at.bob, "re", { reply: target });
      at.nowMs += 5000;
      const { message, changes } = await edit(target, "the", { clientMsgId: "e" });
      expect(message).toMatchObject({ content: "the", editedAt: BigInt(at.nowMs / 1000), extra: '{"a":1}' });
      const rows = await at.history();
      expect(rows.map((row) => row.content)).toEqual(["the", "re", ""]);
      expect(rows[1]?.replyTo?.preview).toBe("the");
      expect(rows[2]?.change).toMatchObject({ case: "edit", value: { content: "the", targetSeqId: 1n } });
      expect(changes?.rows[0]).toEqual(rows[2] as never);
    });

    test("a recall takes the texts of all edits away", async () => {
      const target = await at.send(at.ann, "first");
      await edit(target, "second");
      await at.message.deleteMessage({ messageId: target, operatorId: at.ann, windowSeconds: 120n });
      expect(JSON.stringify(await at.history(), (_, v) => (typeof v === "bigint" ? `${v}` : v))).not.toContain(
        "second",
      );
      const { messages: m } = at.repo.context.tables;
      const stored = await at.repo.context.db.q.select({ content: m.content, meta: m.meta }).from(m);
      expect(JSON.stringify(stored)).not.toContain("second");
    });

    test("the same text changes nothing; a known id answers the present text", async () => {
      const target = await at.send(at.ann, "x");
      expect((await edit(target, "x")).changes?.rows).toEqual([]);
      await edit(target, "y", { clientMsgId: "e" });
      await edit(target, "z");
      const again = await edit(target, "y", { clientMsgId: "e" });
      expect([again.changes?.duplicate, again.message?.content]).toEqual([true, "z"]);
      expect(await codeOf(edit(target, "q", { clientMsgId: "e" }))).toBe("IDEMPOTENCY_CONFLICT");
      const filtered = await edit(target, "***", { clientMsgId: "f", contentAsSent: "bad" });
      expect(filtered.message?.content).toBe("***");
      const repeated = await edit(target, "bad", { clientMsgId: "f" });
      expect(repeated.changes?.duplicate).toBe(true);
    });

    test("each refusal by its name", async () => {
      const target = await at.send(at.ann, "x");
      expect(await codeOf(edit(target, "y", { operatorId: at.owner }))).toBe("INSUFFICIENT_PERMISSION");
      expect(await codeOf(edit(target, "y", { expectedVersion: 5n }))).toBe("VERSION_CONFLICT");
      expect(await codeOf(edit(target, "y", { expectedVersion: BigInt(at.nowMs) }))).toBe("nothing");
      const picture = await at.send(at.ann, "1", { type: MessageType.IMAGE });
      expect(await codeOf(edit(picture, "y"))).toBe("UNSUPPORTED_MESSAGE_TYPE");
      await at.setMember(at.ann, { muted: true });
      expect(await codeOf(edit(target, "z"))).toBe("USER_MUTED");
      await at.setMember(at.ann, { muted: false });
      at.nowMs += 121_000;
      expect(await codeOf(edit(target, "z"))).toBe("RECALL_TIME_EXCEEDED");
      await at.message.deleteMessage({ messageId: target, operatorId: at.owner });
      expect(await codeOf(edit(target, "z"))).toBe("MESSAGE_RECALLED");
      await at.setGroup({ dissolvedAt: 1 });
      expect(await codeOf(edit(target, "z"))).toBe("CONVERSATION_DISSOLVED");
    });
  });
}
