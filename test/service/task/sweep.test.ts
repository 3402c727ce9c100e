import { expect, test } from "bun:test";
import { createMemoryCache } from "../../../infra/cache/memory.ts";
import { silentLogger } from "../../../infra/clog/clog.ts";
import { loadConfig } from "../../../infra/config/config.ts";
import { createLocalCoord } from "../../../infra/coord/local.ts";
import { createSqliteDb } from "../../../infra/db/sqlite.ts";
import { createMetrics } from "../../../infra/metrics/metrics.ts";
import { createEmbeddedMq } from "../../../infra/mq/embedded.ts";
import type { Mq, Topic } from "../../../infra/mq/mq.ts";
import { directClientOf } from "../../../infra/rpc/direct.ts";
import { createIds, testWorkerLease } from "../../../infra/uid/uid.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import { MessageType } from "../../../proto/gen/gochat/common/v1/message_pb.ts";
import type { PushMessages } from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import { ConversationService } from "../../../proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "../../../proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { CommitStatus, MessageService } from "../../../proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "../../../proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "../../../proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { SessionService } from "../../../proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService } from "../../../proto/gen/gochat/repo/v1/user_service_pb.ts";
import { downstreamTopic, topics } from "../../../proto/topics.ts";
import { repoSpec } from "../../../repo/config.ts";
import { startRepo } from "../../../repo/start.ts";
import { defaultTaskConfig } from "../../../task/config.ts";
import { startTask } from "../../../task/start.ts";

const gatewayId = "gateway-5";
const incarnation = "0199c000-0000-7000-8000-000000000005";

/** Task and repo on embedded drivers, with a listener in the place of a gateway and a clock that the test moves. */
async function setup() {
  await using stack = new AsyncDisposableStack();
  const time = { ms: 1_800_000_000_000 };
  const clock = () => time.ms;
  const metrics = createMetrics();
  const clog = silentLogger;
  const mq = stack.use(createEmbeddedMq({ file: ":memory:", clog, metrics }));
  const cache = stack.use(createMemoryCache({ clock }));
  const db = stack.use(createSqliteDb({ file: ":memory:", clock }));
  const ids = createIds({ worker: testWorkerLease() });
  const { config } = loadConfig(repoSpec, { environment: "development" });
  const running = stack.use(await startRepo(config, { db, cache, ids, clog, metrics, clock }));
  const options = { errors: connectErrors };
  const repo = {
    user: directClientOf(running.services, UserService, options),
    message: directClientOf(running.services, MessageService, options),
    conversation: directClientOf(running.services, ConversationService, options),
    outbox: directClientOf(running.services, OutboxService, options),
    session: directClientOf(running.services, SessionService, options),
    onlineStatus: directClientOf(running.services, OnlineStatusService, options),
    friendship: directClientOf(running.services, FriendshipService, options),
  };
  const pushed: PushMessages[] = [];
  const broadcast: PushMessages[] = [];
  const fed: string[] = [];
  await read(mq, downstreamTopic(gatewayId), (record) => {
    for (const { body } of record.items) if (body.case === "push") pushed.push(body.value);
  });
  await read(mq, topics.broadcast, ({ body }) => {
    if (body.case === "push") broadcast.push(body.value);
  });
  await read(mq, topics.persist, ({ conversationId }) => fed.push(conversationId));
  const defaults = defaultTaskConfig("development");
  const taskConfig = { ...defaults, outbox: { ...defaults.outbox, sweepEvery: 10 } };
  stack.use(await startTask(taskConfig, { mq, repo, coord: createLocalCoord({}), clog, metrics, clock }));

  async function commit(conversationId: string, senderId: string, content: string): Promise<void> {
    const messageId = String(ids.snowflake());
    const item = { messageId, conversationId, senderId, type: MessageType.TEXT, content, clientMsgId: messageId };
    const sendHash = new Uint8Array(32);
    const { results } = await repo.message.commitMessages({
      items: [{ ...item, sendHash, createdAtMs: BigInt(time.ms), origin: "call" }],
    });
    expect(results[0]?.status).toBe(CommitStatus.STORED);
  }
  const outboxRows = async () => (await repo.outbox.listOutbox({ olderThanMs: 1n, limit: 500 })).rows.length;
  const moved = stack.move();
  const end = { [Symbol.asyncDispose]: () => moved.disposeAsync() };
  return { repo, time, pushed, broadcast, fed, commit, outboxRows, ...end };
}

async function read<T>(mq: Mq, topic: Topic<T>, each: (value: T) => void): Promise<void> {
  const options = { group: "test", from: "earliest", commits: true, recordsMax: 100, bytesMax: 1e7 } as const;
  await mq.subscribe(topic, options, async ({ records }) => {
    for (const { value } of records) each(value);
    return { done: records.length };
  });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 4000; !(await condition()); await Bun.sleep(2)) {
    if (Date.now() > endMs) throw new Error("not reached");
  }
}

const contents = (pushes: readonly PushMessages[]) =>
  pushes.flatMap(({ rows }) => rows.map((row) => row.message?.content));

test("DESIGN §2: what was committed by a process that died before its produces is pushed and fed after 10 s", async () => {
  await using all = await setup();
  const { repo, time, pushed, broadcast, fed, commit, outboxRows } = all;
  const [a, b] = await Promise.all(
    ["swept_a", "swept_b"].map(
      async (username) => (await repo.user.createUser({ username, passwordHash: "!" })).user?.id,
    ),
  );
  if (a === undefined || b === undefined) throw new Error("no users");
  const sid = Bun.randomUUIDv7();
  const exp = time.ms / 1000 + 3600;
  await repo.session.createSession({
    session: { id: sid, userId: b, expiresAt: BigInt(exp) },
    refreshHash: new Bun.CryptoHasher("sha256").update(sid).digest("hex"),
    refreshClaims: JSON.stringify({ exp }),
  });
  await repo.onlineStatus.setUserOnline({ sid, userId: b, gatewayId, incarnation, sessionId: "s1", platform: "web" });
  const { conversation } = await repo.conversation.createConversation({
    type: 2,
    name: "g",
    ownerId: a,
    memberIds: [b],
  });
  const groupId = conversation?.id ?? "";
  await commit("world", a, "to all 1");
  await commit(groupId, a, "to the group");
  await commit("world", a, "to all 2");
  time.ms += 9000;
  await Bun.sleep(40);
  expect([pushed.length, broadcast.length, await outboxRows()]).toEqual([0, 0, 3]);

  time.ms += 1500;
  await until(async () => (await outboxRows()) === 0 && broadcast.length > 0 && pushed.length > 0 && fed.length > 1);
  expect(contents(broadcast)).toEqual(["to all 1", "to all 2"]);
  expect(contents(pushed)).toEqual(["to the group"]);
  expect(pushed[0]?.conversationId).toBe(groupId);
  expect(fed.toSorted()).toEqual([groupId, "world"].toSorted());
});

test("spec 50 §5: a change is swept like a send, with the text of now", async () => {
  await using all = await setup();
  const { repo, time, pushed, commit, outboxRows } = all;
  const [a, b] = await Promise.all(
    ["swept_c", "swept_d"].map(
      async (username) => (await repo.user.createUser({ username, passwordHash: "!" })).user?.id ?? "",
    ),
  );
  if (a === undefined || b === undefined) throw new Error("no users");
  const sid = Bun.randomUUIDv7();
  const exp = time.ms / 1000 + 3600;
  await repo.session.createSession({
    session: { id: sid, userId: b, expiresAt: BigInt(exp) },
    refreshHash: new Bun.CryptoHasher("sha256").update(sid).digest("hex"),
    refreshClaims: JSON.stringify({ exp }),
  });
  await repo.onlineStatus.setUserOnline({ sid, userId: b, gatewayId, incarnation, sessionId: "s1", platform: "web" });
  const made = await repo.conversation.createConversation({ type: 2, name: "g", ownerId: a, memberIds: [b] });
  const conversationId = made.conversation?.id ?? "";
  await commit(conversationId, a, "first");
  const { messages } = await repo.message.getConversationMessages({ conversationId });
  const messageId = messages[0]?.id ?? "";
  const edit = { messageId, operatorId: a, content: "second", windowSeconds: 60n };
  const { changes } = await repo.message.updateMessageContent(edit);
  time.ms += 10_500;
  await until(async () => (await outboxRows()) === 0 && pushed.length > 0);
  const rows = pushed.flatMap((push) => push.rows.map((row) => row.message));
  expect(rows.map((row) => row?.content)).toEqual(["second", ""]);
  expect(rows[1]).toEqual(changes?.rows[0]);
});
