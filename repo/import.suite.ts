import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { asc, eq } from "drizzle-orm";
import { run } from "#infra/db/steps.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { type Message, MessageKind, MessageSchema, MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { UserInfoSchema } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { worldId } from "./context.ts";
import { codeOf } from "./rpc/changes-testing.ts";
import { conversationService } from "./rpc/conversation.ts";
import { messageService } from "./rpc/message.ts";
import type { CreateTestRepo, TestRepo } from "./testing.ts";

type Fields = MessageInitShape<typeof MessageSchema>;

/** Unix s: long before the tests' clock. */
const longAgo = 1_600_000_000n;

/** A text message of an import, valid unless `fields` say otherwise. */
export function toImport(conversationId: string, senderId: bigint, seqId: bigint, fields: Fields = {}): Message {
  return create(MessageSchema, {
    // Every conversation has ids of its own.
    id: (BigInt(Bun.hash.crc32(conversationId)) * 100_000n + seqId).toString(),
    conversationId,
    sender: create(UserInfoSchema, { id: senderId.toString() }),
    type: MessageType.TEXT,
    kind: MessageKind.MESSAGE,
    content: `message ${seqId}`,
    seqId,
    createdAt: longAgo + seqId,
    ...fields,
  });
}

/** Runs on every database: `createTestRepo` says on which. */
export function importSuite(createTestRepo: CreateTestRepo): void {
  const nowMs = 1_800_000_000_000;
  const nowS = BigInt(nowMs / 1000);
  let repo: TestRepo;
  let message: Client<typeof MessageService>;
  let conversation: Client<typeof ConversationService>;
  let ann = 0n;
  let bob = 0n;
  let group = "";

  beforeEach(async () => {
    repo = await createTestRepo({ clock: () => nowMs });
    const { context } = repo;
    const services = [
      rpcService(MessageService, messageService(context)),
      rpcService(ConversationService, conversationService(context)),
    ];
    message = directClientOf(services, MessageService, { errors: connectErrors });
    conversation = directClientOf(services, ConversationService, { errors: connectErrors });
    [ann, bob] = [await repo.addUser(), await repo.addUser()];
    group = await repo.addConversation([ann, bob]);
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  const row = (seqId: bigint, fields: Fields = {}): Message => toImport(group, ann, seqId, fields);
  const seqs = (count: number): bigint[] => Array.from({ length: count }, (_, at) => BigInt(at + 1));
  async function save(...messages: Message[]) {
    const { saved, duplicates, failed } = await message.batchSaveMessages({ messages });
    return { saved, duplicates, failed: failed.map(({ index, errorCode }) => `${index} ${errorCode}`) };
  }
  const ok = (saved: number, duplicates = 0) => ({ saved, duplicates, failed: [] });
  const rowsOf = async (conversationId: string) => {
    const { messages: m } = repo.context.tables;
    return await repo.context.db.q.select().from(m).where(eq(m.conversationId, conversationId)).orderBy(asc(m.seqId));
  };
  const headOf = async (conversationId: string) => {
    const { conversations: c } = repo.context.tables;
    const [head] = await repo.context.db.q.select().from(c).where(eq(c.id, conversationId));
    return head;
  };
  const history = async (conversationId = group, viewerId = "") =>
    (await message.getConversationMessages({ conversationId, ascending: true, limit: 100, viewerId })).messages;
  async function send(conversationId: string, senderId: bigint, content: string) {
    const messageId = repo.context.ids.snowflake().toString();
    const ids = { messageId, conversationId, senderId: senderId.toString(), clientMsgId: messageId };
    const item = { ...ids, type: MessageType.TEXT, content, sendHash: new Uint8Array(32) };
    const { results } = await message.commitMessages({ items: [item] });
    return results[0]?.row;
  }
  async function setGroup(fields: { dissolvedAt?: number; parkedAt?: number }): Promise<void> {
    const { db, tables } = repo.context;
    const { conversations: c } = tables;
    await db.transaction((tx) => run(tx.q.update(c).set(fields).where(eq(c.id, group))));
  }

  describe("BatchSaveMessages (spec 30 §4)", () => {
    test("keeps ids, seqs and times, counts messages, and moves the head; no outbox, no read pointer", async () => {
      expect(await save(row(2n), row(1n, { clientMsgId: "a", updatedAt: longAgo + 9n }), row(3n))).toEqual(ok(3));
      const rows = await rowsOf(group);
      expect(rows.map((one) => [one.id, one.seqId, one.messageNo, one.clientMsgId, one.sendHash])).toEqual([
        [BigInt(row(1n).id), 1n, 1n, "a", null],
        [BigInt(row(2n).id), 2n, 2n, null, null],
        [BigInt(row(3n).id), 3n, 3n, null, null],
      ]);
      const ms = (seconds: bigint): number => Number(longAgo + seconds) * 1000;
      expect(rows.map((one) => [one.createdAt, one.updatedAt])).toEqual([
        [ms(1n), ms(9n)],
        [ms(2n), ms(2n)],
        [ms(3n), ms(3n)],
      ]);
      expect(await headOf(group)).toMatchObject({
        lastMessageId: BigInt(row(3n).id),
        lastSeqId: 3n,
        lastMessageNo: 3n,
        lastMessageAt: ms(3n),
        updatedAt: nowMs,
      });
      const { outbox, userReadPointers: p } = repo.context.tables;
      expect(await repo.context.db.q.select().from(outbox)).toEqual([]);
      const pointers = await repo.context.db.q.select().from(p).where(eq(p.conversationId, group));
      expect(pointers.map((one) => one.lastReadSeqId)).toEqual([0n, 0n]);
    });

    test("G2: goes on at the last seq + 1; what leaves a hole or lies below it fails with all behind it", async () => {
      expect(await save(row(2n))).toEqual({ saved: 0, duplicates: 0, failed: ["0 VERSION_CONFLICT"] });
      expect(await save(row(1n), row(2n))).toEqual(ok(2));
      const below = row(2n, { id: "77" });
      const failed = ["1 VERSION_CONFLICT", "2 VERSION_CONFLICT", "3 VERSION_CONFLICT"];
      expect(await save(row(3n), row(5n), row(6n), below)).toEqual({ saved: 1, duplicates: 0, failed });
      expect((await send(group, bob, "next"))?.seqId).toBe(4n);
      expect(await save(row(4n), row(5n))).toEqual({ saved: 1, duplicates: 0, failed: ["0 VERSION_CONFLICT"] });
      expect((await rowsOf(group)).map((one) => [one.seqId, one.messageNo])).toEqual(seqs(5).map((seq) => [seq, seq]));
      // The send was later than what was imported behind it.
      expect((await headOf(group))?.lastMessageAt).toBe(nowMs);
    });

    test("a repeat is a duplicate, also within the call; another row under its id or client_msg_id is a conflict", async () => {
      const other = await repo.addConversation([ann, bob]);
      const first = row(1n, { clientMsgId: "a" });
      expect(await save(first, first, row(2n))).toEqual(ok(2, 1));
      expect(await save(first, row(2n), row(3n, { clientMsgId: "c" }))).toEqual(ok(1, 2));
      const conflicts = [
        row(4n, { id: first.id }),
        row(1n, { sender: { id: bob.toString() } }),
        toImport(other, ann, 1n, { id: first.id }),
        row(4n, { clientMsgId: "a" }),
      ];
      for (const one of conflicts) expect((await save(one)).failed).toEqual(["0 IDEMPOTENCY_CONFLICT"]);
      expect((await save(row(4n, { clientMsgId: "d" }), row(5n, { clientMsgId: "d" }))).failed).toEqual([
        "1 IDEMPOTENCY_CONFLICT",
      ]);
      // Compared as bytes, per conversation and sender.
      expect(await save(row(5n, { clientMsgId: "A" }), toImport(other, ann, 1n, { clientMsgId: "a" }))).toEqual(ok(2));
      expect(await save(row(6n, { clientMsgId: "a", sender: { id: bob.toString() } }))).toEqual(ok(1));
      expect(await rowsOf(group)).toHaveLength(6);
    });

    test("what the store could refuse, and what is no message of the past, is refused by its own name", async () => {
      const faults: [string, Fields][] = [
        ["INVALID_PARAMETER", { id: "" }],
        ["INVALID_PARAMETER", { id: "0" }],
        ["INVALID_PARAMETER", { sender: { id: "9223372036854775808" } }],
        ["INVALID_PARAMETER", { seqId: 0n }],
        ["INVALID_PARAMETER", { seqId: -1n }],
        ["INVALID_PARAMETER", { createdAt: 0n }],
        ["INVALID_PARAMETER", { createdAt: nowS + 1n }],
        ["INVALID_PARAMETER", { editedAt: nowS + 1n }],
        ["INVALID_PARAMETER", { updatedAt: -1n }],
        ["INVALID_PARAMETER", { updatedAt: 2n ** 62n }],
        ["CONVERSATION_NOT_FOUND", { conversationId: "" }],
        ["CONVERSATION_NOT_FOUND", { conversationId: "'; --" }],
        ["CONVERSATION_NOT_FOUND", { conversationId: "group_1" }],
        ["USER_NOT_FOUND", { sender: { id: "1" } }],
        ["OPERATION_NOT_SUPPORTED", { kind: MessageKind.CHANGE }],
        ["OPERATION_NOT_SUPPORTED", { kind: MessageKind.UNSPECIFIED }],
        ["OPERATION_NOT_SUPPORTED", { change: { case: "dissolved", value: {} } }],
        ["OPERATION_NOT_SUPPORTED", { reactions: [{ emoji: "+", count: 1 }] }],
        ["OPERATION_NOT_SUPPORTED", { file: {} }],
        ["UNSUPPORTED_MESSAGE_TYPE", { type: MessageType.UNSPECIFIED }],
        ["UNSUPPORTED_MESSAGE_TYPE", { type: 9 as MessageType }],
        ["MESSAGE_EMPTY", { content: " " }],
        ["MESSAGE_TOO_LONG", { content: "x".repeat(5001) }],
        ["MESSAGE_TOO_LONG", { content: "\u{1f600}".repeat(4097) }],
        ["INVALID_MESSAGE_FORMAT", { content: "a\0" }],
        ["INVALID_MESSAGE_FORMAT", { content: "a\ud800" }],
        ["INVALID_MESSAGE_FORMAT", { extra: "{" }],
        ["INVALID_MESSAGE_FORMAT", { clientMsgId: "x".repeat(65) }],
        ["INVALID_MESSAGE_FORMAT", { clientMsgId: "\u00e4" }],
        ["INVALID_MESSAGE_FORMAT", { mentions: ["x"] }],
        ["INVALID_MESSAGE_FORMAT", { replyTo: { messageId: "x" } }],
        ["INVALID_MESSAGE_FORMAT", { replyTo: { messageId: "5" } }],
        ["INVALID_MESSAGE_FORMAT", { forwardedFrom: { messageId: "1", senderId: "2", conversationId: "" } }],
        ["INVALID_MESSAGE_FORMAT", { recalledBy: "1" }],
        ["INVALID_MESSAGE_FORMAT", { deleted: true }],
      ];
      const told: string[] = [];
      for (const [, fields] of faults) told.push(...(await save(row(1n, fields))).failed);
      expect(told).toEqual(faults.map(([code]) => `0 ${code}`));
      expect(await rowsOf(group)).toEqual([]);
      expect((await headOf(group))?.lastSeqId).toBe(0n);
    });

    test("a row that fails costs those behind it in its conversation, and nobody else", async () => {
      const other = await repo.addConversation([ann, bob]);
      const failed = ["1 MESSAGE_EMPTY", "3 VERSION_CONFLICT"];
      const messages = [row(1n), row(2n, { content: "" }), toImport(other, bob, 1n), row(3n)];
      expect(await save(...messages, toImport(worldId, bob, 1n))).toEqual({ saved: 3, duplicates: 0, failed });
      expect(await rowsOf(group)).toHaveLength(1);
      expect([(await headOf(other))?.lastSeqId, (await headOf(worldId))?.lastSeqId]).toEqual([1n, 1n]);
    });

    test("nothing comes into a conversation that is dissolved or parked, nor from a stranger into a single chat", async () => {
      const single = await repo.addConversation([ann, bob], { single: true });
      const eve = await repo.addUser();
      expect((await save(toImport(single, eve, 1n))).failed).toEqual(["0 NOT_CONVERSATION_MEMBER"]);
      // Who wrote in a group may have left it.
      expect(await save(toImport(single, bob, 1n), row(1n, { sender: { id: eve.toString() } }))).toEqual(ok(2));
      await setGroup({ parkedAt: nowMs });
      expect((await save(row(2n))).failed).toEqual(["0 SERVICE_UNAVAILABLE"]);
      await setGroup({ dissolvedAt: nowMs });
      expect((await save(row(2n))).failed).toEqual(["0 CONVERSATION_DISSOLVED"]);
      expect(await save(row(1n, { sender: { id: eve.toString() } }))).toEqual(ok(0, 1));
    });

    test("what a message says of others is shown as before: reply, forward, mentions, edit, recall", async () => {
      const [own, foreign] = [row(1n), { messageId: "5", senderId: "6", conversationId: "group_9" }];
      const said = [
        row(2n, { replyTo: { messageId: own.id }, extra: '{"a": 1}', type: MessageType.SYSTEM }),
        row(3n, { forwardedFrom: foreign, mentions: [bob.toString()], editedAt: longAgo + 8n }),
        row(4n, { deleted: true, content: "", recalledBy: ann.toString(), recalledAt: longAgo + 8n }),
      ];
      expect(await save(own, ...said)).toEqual(ok(4));
      const [, reply, forward, tombstone] = await history();
      const preview = { messageId: own.id, seqId: 1n, senderId: ann.toString(), preview: "message 1" };
      expect(reply).toMatchObject({ replyTo: preview, extra: '{"a": 1}', type: MessageType.SYSTEM });
      const edited = { mentions: [bob.toString()], editedAt: longAgo + 8n, createdAt: longAgo + 3n };
      expect(forward).toMatchObject({ forwardedFrom: foreign, ...edited });
      expect(tombstone).toMatchObject({ deleted: true, recalledBy: ann.toString(), recalledAt: longAgo + 8n });
    });

    test("a reply across calls finds what it answers, in its own conversation only", async () => {
      const other = await repo.addConversation([ann, bob]);
      expect(await save(row(1n), toImport(other, ann, 1n))).toEqual(ok(2));
      expect(await save(row(2n, { replyTo: { messageId: row(1n).id } }))).toEqual(ok(1));
      const foreign = row(3n, { replyTo: { messageId: toImport(other, ann, 1n).id } });
      expect((await save(foreign)).failed).toEqual(["0 INVALID_MESSAGE_FORMAT"]);
    });

    test("histories and lists that were read before show what was imported", async () => {
      const userId = ann.toString();
      const listed = async () => {
        const { conversations } = await conversation.getUserConversationsWithDetails({
          ...{ userId, offset: 0, limit: 20 },
          ...{ includeLastMessage: true, includeSenderInfo: true },
        });
        const one = conversations.find((item) => item.conversation?.id === group);
        return [one?.lastMessage?.content, one?.unreadCount];
      };
      await send(group, bob, "before");
      for (let warm = 0; warm < 3; warm += 1) {
        expect(await listed()).toEqual(["before", 1n]);
        expect(await history(group, userId)).toHaveLength(1);
      }
      expect(await save(row(2n), row(3n))).toEqual(ok(2));
      expect(await listed()).toEqual(["message 3", 3n]);
      expect((await history(group, userId)).map((one) => one.seqId)).toEqual(seqs(3));
    });

    test("G2: sends and imports at once leave one stream without holes", async () => {
      const rows = seqs(20).map((seq) => row(seq));
      const all = await Promise.all([
        ...[1, 2, 3].map((at) => send(group, bob, `sent ${at}`)),
        ...[1, 2].map(() => save(...rows)),
      ]);
      expect(all).toHaveLength(5);
      const stored = await rowsOf(group);
      expect(stored.map((one) => one.seqId)).toEqual(seqs(stored.length));
      expect(stored.map((one) => one.messageNo)).toEqual(seqs(stored.length));
      expect(await headOf(group)).toMatchObject({ lastSeqId: stored.at(-1)?.seqId, lastMessageId: stored.at(-1)?.id });
      expect(stored.filter((one) => one.content.startsWith("sent"))).toHaveLength(3);
    });

    test("a thousand messages are one call, in any order; past its bounds a call is refused whole", async () => {
      const thousand = seqs(1000).map((seq) => row(seq));
      expect(await save(...thousand.toReversed())).toEqual(ok(1000));
      expect(await save(...thousand)).toEqual(ok(0, 1000));
      expect((await rowsOf(group)).at(-1)).toMatchObject({ seqId: 1000n, messageNo: 1000n });
      const many = message.batchSaveMessages({ messages: seqs(1001).map((seq) => row(seq)) });
      expect(await codeOf(many)).toBe("PAYLOAD_TOO_LARGE");
      const large = seqs(641).map((seq) => row(seq + 1000n, { content: "x".repeat(16 * 1024) }));
      expect(await codeOf(message.batchSaveMessages({ messages: large }))).toBe("PAYLOAD_TOO_LARGE");
      expect(await rowsOf(group)).toHaveLength(1000);
    });
  });
}
