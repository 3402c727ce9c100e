import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTables } from "#drizzle/schema.ts";
import { createMemoryCache } from "#infra/cache/memory.ts";
import { silentLogger } from "#infra/clog/clog.ts";
import { loadConfig } from "#infra/config/config.ts";
import { createSqliteDb } from "#infra/db/sqlite.ts";
import { insertMany } from "#infra/db/steps.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import { createIds, testWorkerLease } from "#infra/uid/uid.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { isAppError } from "#proto/errors.ts";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { CommitStatus, MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { repoSpec } from "./config.ts";
import { type RepoDeps, startRepo } from "./start.ts";

const config = loadConfig(repoSpec, { environment: "development", flags: { "rpc.port": "0" } }).config;

function depsOn(file: string): RepoDeps & { [Symbol.asyncDispose](): Promise<void> } {
  const db = createSqliteDb({ file });
  const cache = createMemoryCache();
  return {
    db,
    cache,
    ids: createIds({ worker: testWorkerLease() }),
    clog: silentLogger,
    metrics: createMetrics(),
    serviceToken: "a token of the test",
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await cache[Symbol.asyncDispose]();
    },
  };
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error: unknown) => (isAppError(error) ? error.code : error));

test("starts on an empty database, and again on the same one: the world and its messages are there", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "gochat-repo-")), "gochat.db");
  const sent = { type: MessageType.TEXT, content: "hi", clientMsgId: "a", sendHash: new Uint8Array(32) };
  {
    await using deps = depsOn(file);
    await using repo = await startRepo(config, deps);
    const errors = { errors: connectErrors };
    const { user } = await directClientOf(repo.services, UserService, errors).createUser({ isGuest: true });
    const messages = directClientOf(repo.services, MessageService, errors);
    const items = [{ ...sent, messageId: "7", conversationId: "world", senderId: user?.id ?? "" }];
    const { results, routesKnown, conversations } = await messages.commitMessages({ items });
    expect(results[0]?.row?.seqId).toBe(1n);
    expect(routesKnown).toBe(true);
    expect(conversations.map((one) => [one.conversationId, one.isRoom])).toEqual([["world", true]]);
  }
  await using deps = depsOn(file);
  await using repo = await startRepo(config, deps);
  const messages = directClientOf(repo.services, MessageService, { errors: connectErrors });
  const page = await messages.getConversationMessages({ conversationId: "world" });
  expect(page.messages.map((row) => [row.id, row.content, row.seqId])).toEqual([["7", "hi", 1n]]);
  expect(await codeOf(messages.getMessage({ messageId: "8" }))).toBe("MESSAGE_NOT_FOUND");
});

test("G7: the port answers only callers with the service token, health is open", async () => {
  await using deps = depsOn(":memory:");
  await using repo = await startRepo(config, deps);
  const ask = (path: string, token?: string) =>
    fetch(`${repo.url}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token ? { "x-service-token": token } : {}) },
      body: path.includes("Seq") ? '{"conversationIds":["world"]}' : "{}",
    });
  const method = "gochat.repo.v1.MessageService/GetCurrentSeq";
  expect((await ask(method)).status).toBe(401);
  expect((await ask(method, "another token")).status).toBe(401);
  expect((await ask(method, "a token of the test")).status).toBe(200);
  expect(await (await ask("grpc.health.v1.Health/Check")).json()).toEqual({ status: "SERVING" });
});

test("a database that is away answers SERVICE_UNAVAILABLE, and its items are to be asked again", async () => {
  const deps = depsOn(":memory:");
  await using repo = await startRepo(config, deps);
  await deps[Symbol.asyncDispose]();
  const messages = directClientOf(repo.services, MessageService, { errors: connectErrors });
  const items = [{ messageId: "7", conversationId: "world", senderId: "1", type: MessageType.TEXT, content: "x" }];
  const { results } = await messages.commitMessages({ items });
  expect(results.map((result) => result.status)).toEqual([CommitStatus.RETRY]);
  expect(await codeOf(messages.getCurrentSeq({ conversationIds: ["world"] }))).toBe("SERVICE_UNAVAILABLE");
});

test("who blocked whom is told in both directions", async () => {
  await using deps = depsOn(":memory:");
  await using repo = await startRepo(config, deps);
  const friendship = directClientOf(repo.services, FriendshipService, { errors: connectErrors });
  const times = { createdAt: 1, updatedAt: 1 };
  await deps.db.transaction(() =>
    insertMany(createTables("sqlite").friendshipRequests, [
      { id: 1n, requesterId: 5n, targetId: 6n, status: 1, ...times },
      { id: 2n, requesterId: 7n, targetId: 5n, status: 3, ...times },
    ]),
  );
  const { relations } = await friendship.areFriends({ userId: "5", otherIds: ["6", "7", "8"] });
  expect(relations["6"]).toMatchObject({ friends: true, blocking: false, blocked: false });
  expect(relations["7"]).toMatchObject({ friends: false, blocking: false, blocked: true });
  expect(relations["8"]).toMatchObject({ friends: false, blocking: false, blocked: false });
});
