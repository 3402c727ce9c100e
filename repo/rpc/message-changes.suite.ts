import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { eq } from "drizzle-orm";
import { run } from "#infra/db/steps.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { isAppError } from "#proto/errors.ts";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { CommitItemSchema, CommitStatus, MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { messageService } from "./message.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function messageChangesSuite(createTestRepo: CreateTestRepo): void {
  let nowMs = 1_800_000_000_000;
  let repo: TestRepo;
  let client: Client<typeof MessageService>;
  let people: { owner: string; ann: string; bob: string };
  let group: string;
  beforeEach(async () => {
    repo = await createTestRepo({ clock: () => nowMs });
    client = directClientOf([rpcService(MessageService, messageService(repo.context))], MessageService, {
      errors: connectErrors,
    });
    const ids = [await repo.addUser(), await repo.addUser(), await repo.addUser()].sort((a, b) => (a < b ? -1 : 1));
    const [owner = "", ann = "", bob = ""] = ids.map(String);
    people = { owner, ann, bob };
    group = await repo.addConversation(ids);
  });
  afterEach(async () => {
    await repo[Symbol.asyncDispose]();
  });

  async function send(senderId: string, content: string, fields: { conversationId?: string; reply?: string } = {}) {
    const messageId = repo.context.ids.snowflake().toString();
    const { conversationId = group, reply = "" } = fields;
    const ids = { messageId, conversationId, senderId, clientMsgId: messageId, replyToMessageId: reply };
    const item = { ...ids, type: MessageType.TEXT, content, sendHash: new Uint8Array(32), extra: '{"a":1}' };
    const { results } = await client.commitMessages({ items: [create(CommitItemSchema, item)] });
    expect(results[0]?.status).toBe(CommitStatus.STORED);
    return messageId;
  }
  const history = async (viewerId = "") =>
    (await client.getConversationMessages({ conversationId: group, ascending: true, viewerId })).messages;
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise;
      return "nothing";
    } catch (error) {
      return isAppError(error) ? error.code : String(error);
    }
  };

  describe("recall", () => {
    const recall = (messageId: string, operatorId: string, fields = {}) =>
      client.deleteMessage({ messageId, operatorId, reason: "", windowSeconds: 120n, ...fields });

    test("a tombstone in history, replies and answers, and a row that says who and when", async () => {
      const target = await send(people.ann, "secret");
      await send(people.bob, "re", { reply: target });
      const { message, changes } = await recall(target, people.ann, { reason: "typo", clientMsgId: "r1" });
      expect(message).toMatchObject({ id: target, deleted: true, content: "", extra: "", recalledBy: people.ann });
      expect(changes?.rows[0]).toMatchObject({
        seqId: 3n,
        changeType: "recall",
        targetMessageId: target,
        targetSeqId: 1n,
        clientMsgId: "r1",
        change: { case: "recall", value: { messageId: target, reason: "typo" } },
      });
      const rows = await history();
      expect(rows.map((row) => [row.deleted, row.changeType])).toEqual([
        [true, ""],
        [false, ""],
        [false, "recall"],
      ]);
      expect(rows[1]?.replyTo?.preview).toBe("");
      expect(rows[2]).toEqual(changes?.rows[0] as never);
    });

    test("again by the same operator: the tombstone and no row; by another one: MESSAGE_RECALLED", async () => {
      const target = await send(people.ann, "x");
      await recall(target, people.ann);
      const again = await recall(target, people.ann);
      expect([again.message?.deleted, again.changes?.rows]).toEqual([true, []]);
      expect(await codeOf(recall(target, people.owner))).toBe("MESSAGE_RECALLED");
      expect(await history()).toHaveLength(2);
    });

    test("RECALL_TIME_EXCEEDED after the window; who stands above has no limit", async () => {
      const target = await send(people.ann, "x");
      nowMs += 121_000;
      expect(await codeOf(recall(target, people.ann))).toBe("RECALL_TIME_EXCEEDED");
      expect(await codeOf(recall(target, people.bob))).toBe("INSUFFICIENT_PERMISSION");
      expect(await codeOf(recall(target, people.owner))).toBe("nothing");
    });

    test("a conversation's own window goes before the configured one", async () => {
      const { conversations: c } = repo.context.tables;
      const settings = '{"group_settings":{"recall_time_limit":600}}';
      await repo.context.db.transaction((tx) => run(tx.q.update(c).set({ settings }).where(eq(c.id, group))));
      const target = await send(people.ann, "x");
      nowMs += 500_000;
      expect(await codeOf(recall(target, people.ann))).toBe("nothing");
    });

    test("G7: a stranger, an unknown message, a change as target", async () => {
      const target = await send(people.ann, "x");
      const eve = (await repo.addUser()).toString();
      expect(await codeOf(recall(target, eve))).toBe("NOT_CONVERSATION_MEMBER");
      expect(await codeOf(recall("5", people.ann))).toBe("MESSAGE_NOT_FOUND");
      const { changes } = await recall(target, people.ann);
      expect(await codeOf(recall(changes?.rows[0]?.id ?? "", people.ann))).toBe("MESSAGE_NOT_FOUND");
    });

    test("a known client_msg_id: the stored outcome, or IDEMPOTENCY_CONFLICT for other content", async () => {
      const target = await send(people.ann, "x");
      const first = await recall(target, people.ann, { clientMsgId: "r" });
      const again = await recall(target, people.ann, { clientMsgId: "r" });
      expect([again.changes?.duplicate, again.changes?.rows]).toEqual([true, first.changes?.rows as never]);
      const other = await send(people.ann, "y");
      expect(await codeOf(recall(other, people.ann, { clientMsgId: "r" }))).toBe("IDEMPOTENCY_CONFLICT");
      expect(await codeOf(recall(target, people.ann, { clientMsgId: "\n" }))).toBe("INVALID_PARAMETER");
    });
  });
}
