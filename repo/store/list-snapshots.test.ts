import { expect, test } from "bun:test";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { worldId } from "../context.ts";
import { ChangesFixture } from "../rpc/changes-testing.ts";
import { conversationService } from "../rpc/conversation.ts";
import { randomChanges, randomNumbers } from "../rpc/random-changes.ts";
import { createTestRepo } from "../testing.ts";
import { createConversationList, type ListedConversation } from "./conversation-list.ts";
import { createListSnapshots, idsMax } from "./list-snapshots.ts";

const at = new ChangesFixture(createTestRepo);

/** What the database says: without knowledge of writes nothing is held. */
const plain = () => {
  const service = conversationService({ ...at.repo.context, writes: undefined });
  return directClientOf([rpcService(ConversationService, service)], ConversationService, { errors: connectErrors });
};
const whole = { includeLastMessage: true, includeSenderInfo: true };
const list = (userId: string, fields = {}, from = at.conversation) =>
  from.getUserConversationsWithDetails({ userId, limit: 100, ...whole, ...fields });
async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  const before = at.repo.context.db.stats().statements;
  await work();
  return at.repo.context.db.stats().statements - before;
}
/** From here on the list is held. */
async function warm(userId: string): Promise<void> {
  await list(userId);
  await list(userId);
}

test("40 §4: who asks again is answered without a statement, and by one after a change", async () => {
  await warm(at.ann);
  expect(await statementsOf(() => list(at.ann))).toBe(0);
  await at.send(at.bob, "x");
  await at.send(at.owner, "to all", { conversationId: worldId });
  expect(await statementsOf(() => list(at.ann))).toBe(1);
  expect((await list(at.ann)).conversations.map(({ lastMessage }) => lastMessage?.content)).toEqual(["to all", "x"]);
  expect(await statementsOf(() => list(at.ann))).toBe(0);
});

test("what did not change is the very object of before, the whole list too", async () => {
  await warm(at.ann);
  const before = (await list(at.ann)).conversations;
  expect((await list(at.ann)).conversations).toBe(before);
  await at.send(at.bob, "x");
  const after = (await list(at.ann)).conversations;
  expect(after.map((one) => before.includes(one))).toEqual([true, false]);
});

test("G7: who was removed has the conversation no more, who was added has it", async () => {
  await at.setMember(at.owner, { role: 3 });
  await warm(at.bob);
  const change = { conversationId: at.group, operatorId: at.owner };
  await at.conversation.removeConversationMember({ ...change, userId: at.bob, reason: 1 });
  expect((await list(at.bob)).conversations.map(({ conversation }) => conversation?.id)).toEqual([worldId]);
  await at.conversation.addConversationMember({ ...change, userIds: [at.bob], membersMax: 9 });
  expect((await list(at.bob)).conversations).toHaveLength(2);
});

test("a hidden conversation comes back with its next row", async () => {
  await at.send(at.ann, "x");
  await warm(at.bob);
  const mask = { hiddenBeforeSeq: 1n, updateMask: ["hidden_before_seq"] };
  await at.conversation.updateMember({ conversationId: at.group, userId: at.bob, ...mask });
  expect((await list(at.bob)).conversations).toHaveLength(1);
  await at.send(at.ann, "y");
  expect((await list(at.bob)).conversations).toHaveLength(2);
});

test("more changes than one statement reads: the database answers, then the list is held again", async () => {
  const groups: string[] = [];
  for (let n = 0; n < idsMax + 5; n += 1) groups.push(await at.repo.addConversation([BigInt(at.ann), BigInt(at.bob)]));
  await warm(at.ann);
  for (const conversationId of groups) await at.send(at.bob, "x", { conversationId });
  expect(await statementsOf(() => list(at.ann))).toBe(1);
  expect(await list(at.ann)).toEqual(await list(at.ann, {}, plain()));
});

test("G4: lists are bounded in bytes; the one that was asked for longest ago is forgotten", async () => {
  await at.send(at.ann, "x".repeat(5000));
  const { tables, clock, db } = at.repo.context;
  const lists = createConversationList({ db, tables, clock });
  const [one] = (await lists.page({ userId: BigInt(at.ann), offset: 1, limit: 1, type: 0 })).items;
  const reads = new Map<bigint, number>();
  /** 1000 conversations, 23 MB. */
  const read = async (userId: bigint): Promise<ListedConversation[]> => {
    reads.set(userId, (reads.get(userId) ?? 0) + 1);
    if (one === undefined) return [];
    return Array.from({ length: 1000 }, (_, n) => {
      return { ...one, conversation: { ...one.conversation, id: `group_${userId}_${n}` } };
    });
  };
  const held = createListSnapshots({ read, clock, writes: { watch() {}, only() {} } });
  for (const userId of [1n, 1n, 2n, 2n, 1n, 3n, 3n, 1n, 3n, 2n]) {
    await held.page({ userId, offset: 0, limit: 10, type: 0 });
  }
  expect([...reads]).toEqual([
    [1n, 1],
    [2n, 2],
    [3n, 1],
  ]);
});

test("questions that come while one reads the changes see them too", async () => {
  await warm(at.ann);
  await at.send(at.bob, "x");
  const lists = await Promise.all(Array.from({ length: 20 }, () => list(at.ann)));
  for (const { conversations } of lists) expect(conversations[1]?.lastMessage?.content).toBe("x");
});

test("every answer is that of the database: random pages between random changes", async () => {
  await at.setMember(at.owner, { role: 3 });
  const random = randomNumbers(5);
  const somebody = (): string => [at.owner, at.ann, at.bob][random(3)] ?? at.owner;
  const groups = [at.group, worldId];
  const somewhere = (): string => groups[random(groups.length)] ?? worldId;
  const member = () => ({ conversationId: somewhere(), userId: somebody() });
  const { make } = randomChanges(at, random);
  const changes: readonly (() => Promise<unknown>)[] = [
    make,
    make,
    () => at.send(somebody(), `text ${random(1000)}`, { conversationId: somewhere() }),
    () => at.conversation.updateReadPointer({ ...member(), seqId: BigInt(random(20)) }),
    () => at.conversation.updateMember({ ...member(), pinnedAt: BigInt(random(2)), updateMask: ["pinned_at"] }),
    () => at.conversation.updateMember({ ...member(), notifyMuted: random(2) === 0, updateMask: ["notify_muted"] }),
    async () => {
      const pair = [BigInt(at.ann), BigInt(random(2) === 0 ? at.bob : at.owner)];
      groups.push(await at.repo.addConversation(pair, { single: random(2) === 0 }));
    },
    () => at.rename(somebody(), `name ${random(1000)}`),
    async () => {
      at.nowMs += 100_000;
    },
  ];
  for (let step = 0; step < 400; step += 1) {
    at.nowMs += random(2000);
    await changes[random(changes.length)]?.().catch(() => undefined);
    for (let n = 0; n < 2; n += 1) {
      const page = { offset: random(4), limit: 1 + random(6), typeFilter: random(3) };
      const userId = somebody();
      const [held, truth] = [await list(userId, page), await list(userId, page, plain())];
      expect(held).toEqual(truth);
    }
  }
}, 60_000);
