import { expect, test } from "bun:test";
import type { Db } from "#infra/db/db.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { CreateTestRepo } from "../testing.ts";
import { ChangesFixture } from "./changes-testing.ts";
import { conversationService } from "./conversation.ts";
import { randomChanges, randomNumbers } from "./random-changes.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function listRowsSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);

  /** What the database says: nothing is held, and every row is read column by column. */
  const plain = () => {
    const db: Db = Object.assign(Object.create(at.repo.context.db) as Db, { askPacked: undefined });
    const service = rpcService(ConversationService, conversationService({ ...at.repo.context, db, writes: undefined }));
    return directClientOf([service], ConversationService, { errors: connectErrors });
  };
  const whole = { includeLastMessage: true, includeSenderInfo: true };
  const shown = async (from: ReturnType<typeof plain>, fields: object) => {
    const { conversations, total, hasMore } = await from.getUserConversationsWithDetails({
      limit: 100,
      ...whole,
      ...fields,
    });
    return { conversations, total, hasMore };
  };

  for (const seed of [3, 8]) {
    test(`40 §4: whatever is changed, a list is that of the database (seed ${seed})`, async () => {
      const random = randomNumbers(seed);
      const changes = randomChanges(at, random);
      const users = [at.owner, at.ann, at.bob];
      await at.repo.addConversation([BigInt(at.ann), BigInt(at.bob)]);
      for (let n = 0; n < 40; n += 1) {
        await changes.make();
        const userId = users[random(3)] ?? at.ann;
        const page = [{}, { limit: 1 }, { limit: 1, offset: 1 }, { typeFilter: 2 }, { offset: 9 }][random(5)];
        expect(await shown(at.conversation, { userId, ...page })).toEqual(await shown(plain(), { userId, ...page }));
      }
    }, 60_000);
  }

  test("texts of every kind, and nothing in their place, are read as they are", async () => {
    const texts = ["", "=", "\\0", "a\u0001b\u001f", "ä \u{1f600} '\"\\", "\\N", "null"];
    for (const content of texts.filter((text) => text !== "")) {
      await at.send(at.ann, content);
      const query = { userId: at.bob };
      expect(await shown(at.conversation, query)).toEqual(await shown(plain(), query));
      const [last] = (await shown(at.conversation, query)).conversations.flatMap(
        ({ lastMessage }) => lastMessage ?? [],
      );
      expect(last?.content).toBe(content);
    }
  });
}
