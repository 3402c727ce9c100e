import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { isAppError } from "#proto/errors.ts";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { CommitItemSchema, CommitStatus, MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { createRouteFinder } from "../routes.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { type MessageServiceParts, messageService } from "./message.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function messageServiceSuite(createTestRepo: CreateTestRepo): void {
  const clientOf = (repo: TestRepo, parts: MessageServiceParts = {}) =>
    directClientOf([rpcService(MessageService, messageService(repo.context, parts))], MessageService, {
      errors: connectErrors,
    });

  const itemOf = (senderId: bigint, fields: MessageInitShape<typeof CommitItemSchema> = {}) =>
    create(CommitItemSchema, {
      messageId: "1",
      conversationId: "world",
      senderId: senderId.toString(),
      type: MessageType.TEXT,
      content: "hi",
      clientMsgId: Bun.randomUUIDv7(),
      sendHash: new Uint8Array(32),
      ...fields,
    });

  test("a malformed item is refused alone and does not hold up its batch", async () => {
    await using repo = await createTestRepo();
    const ann = await repo.addUser();
    const { results } = await clientOf(repo).commitMessages({
      items: [
        itemOf(ann, { messageId: "x" }),
        itemOf(ann, { messageId: "2" }),
        itemOf(ann, { senderId: "9223372036854775808" }),
        itemOf(ann, { sendHash: new Uint8Array(31) }),
        itemOf(ann, { replyToMessageId: "'; --" }),
        itemOf(ann, { meta: "{" }),
        itemOf(ann, { messageId: "3", meta: '{"file":1}', mentions: ["5"] }),
      ],
    });
    expect(results.map((result) => result.errorCode || result.status)).toEqual([
      "INVALID_PARAMETER",
      CommitStatus.STORED,
      "INVALID_PARAMETER",
      "INVALID_PARAMETER",
      "INVALID_MESSAGE_FORMAT",
      "INVALID_PARAMETER",
      CommitStatus.STORED,
    ]);
    expect(results[6]?.row?.mentions).toEqual(["5"]);
    expect(results[6]?.row?.seqId).toBe(2n);
  });

  test("G4: a call past its bounds is refused whole, and nothing is stored", async () => {
    await using repo = await createTestRepo();
    const ann = await repo.addUser();
    const client = clientOf(repo);
    const tooMany = Array.from({ length: 501 }, () => itemOf(ann));
    const tooLarge = Array.from({ length: 40 }, (_, at) =>
      itemOf(ann, { messageId: `${at + 1}`, content: "x".repeat(16_000) }),
    );
    for (const items of [tooMany, tooLarge]) {
      const error = await client.commitMessages({ items }).catch((reason: unknown) => reason);
      expect(isAppError(error, "PAYLOAD_TOO_LARGE")).toBe(true);
    }
    const { seqs } = await client.getCurrentSeq({ conversationIds: ["world"] });
    expect(Object.values(seqs).map((seq) => seq.lastSeqId)).toEqual([0n]);
  });

  test("G1: what is committed is answered as stored when the routes cannot be read", async () => {
    await using repo = await createTestRepo();
    const ann = await repo.addUser();
    const group = await repo.addConversation([ann]);
    const routes = { ...createRouteFinder(repo.context), find: () => Promise.reject(new Error("away")) };
    const answer = await clientOf(repo, { routes }).commitMessages({ items: [itemOf(ann, { conversationId: group })] });
    expect(answer.results[0]?.status).toBe(CommitStatus.STORED);
    expect([answer.routesKnown, answer.outboxIds.length]).toEqual([false, 1]);
  });
}
