import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@connectrpc/connect";
import { createMemoryCache, type MemoryCache } from "../../../infra/cache/memory.ts";
import { silentLogger } from "../../../infra/clog/clog.ts";
import { loadConfig } from "../../../infra/config/config.ts";
import { createSqliteDb } from "../../../infra/db/sqlite.ts";
import { createMetrics } from "../../../infra/metrics/metrics.ts";
import { createEmbeddedMq } from "../../../infra/mq/embedded.ts";
import type { Mq } from "../../../infra/mq/mq.ts";
import { createDirectClient, directClientOf } from "../../../infra/rpc/direct.ts";
import { createIds, testWorkerLease } from "../../../infra/uid/uid.ts";
import { createAccountEvents } from "../../../logic/account-events.ts";
import { createAnnouncer } from "../../../logic/announce.ts";
import { loadKeys } from "../../../logic/auth/keys.ts";
import { defaultLogicConfig } from "../../../logic/config.ts";
import { authService } from "../../../logic/rpc/auth.ts";
import { friendService } from "../../../logic/rpc/friend.ts";
import { userService } from "../../../logic/rpc/user.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import { AuthService } from "../../../proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { FriendService } from "../../../proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { UserService } from "../../../proto/gen/gochat/logic/v1/user_service_pb.ts";
import { ConversationService } from "../../../proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "../../../proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { OnlineStatusService } from "../../../proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { SessionService } from "../../../proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService as RepoUserService } from "../../../proto/gen/gochat/repo/v1/user_service_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { repoSpec } from "../../../repo/config.ts";
import { startRepo } from "../../../repo/start.ts";

/** The accounts of logic and repo as in one process, on embedded drivers, with a clock that stands until it is moved. */
export interface Accounts extends AsyncDisposable {
  readonly auth: Client<typeof AuthService>;
  readonly user: Client<typeof UserService>;
  readonly friend: Client<typeof FriendService>;
  readonly repo: {
    readonly user: Client<typeof RepoUserService>;
    readonly session: Client<typeof SessionService>;
    readonly onlineStatus: Client<typeof OnlineStatusService>;
    readonly conversation: Client<typeof ConversationService>;
  };
  readonly cache: MemoryCache;
  readonly mq: Mq;
  /** Replaces the settings of the world conversation. */
  setWorldSettings(settings: object): Promise<void>;
  /** Writes a row of `friendship_requests`: 1 friends, 3 blocked. */
  relate(requesterId: string, targetId: string, status: 1 | 3): Promise<void>;
  /** Unix ms */
  now(): number;
  advance(ms: number): void;
}

export async function openAccounts(): Promise<Accounts> {
  let nowMs = Date.now();
  const clock = (): number => nowMs;
  const folder = await mkdtemp(join(tmpdir(), "gochat-accounts-"));
  const metrics = createMetrics();
  const common = { clog: silentLogger, metrics, clock };
  const db = createSqliteDb({ file: ":memory:", clock });
  const cache = createMemoryCache({ clock });
  const mq = createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics });
  await mq.ensureTopics([topics.broadcast]);
  const ids = createIds({ worker: testWorkerLease() });
  const repoConfig = loadConfig(repoSpec, { environment: "development" }).config;
  const running = await startRepo(repoConfig, { ...common, db, cache, ids });

  const errors = { errors: connectErrors };
  const repo = {
    user: directClientOf(running.services, RepoUserService, errors),
    session: directClientOf(running.services, SessionService, errors),
    onlineStatus: directClientOf(running.services, OnlineStatusService, errors),
    conversation: directClientOf(running.services, ConversationService, errors),
    friendship: directClientOf(running.services, FriendshipService, errors),
  };
  const keys = await loadKeys({ file: join(folder, "keys.json") });
  const announcer = createAnnouncer({ mq, clog: silentLogger });
  const accountEvents = createAccountEvents({ announce: announcer.announce, clock });
  const deps = { ...common, repo, cache, mq, keys, accountEvents, config: defaultLogicConfig("development") };
  const silent = (): void => undefined;
  const notices = { asked: silent, accepted: silent, rejected: silent, removed: silent, blocked: silent };
  return {
    auth: createDirectClient(AuthService, authService(deps), errors),
    user: createDirectClient(UserService, userService(deps), errors),
    friend: createDirectClient(FriendService, friendService({ ...deps, notices }), errors),
    repo,
    cache,
    mq,
    setWorldSettings: (settings) =>
      db.script(async (execute) => {
        await execute(`UPDATE conversations SET settings = '${JSON.stringify(settings)}' WHERE id = 'world'`);
      }),
    relate: (requesterId, targetId, status) =>
      db.script(async (execute) => {
        await execute(
          `INSERT INTO friendship_requests (id, requester_id, target_id, status, created_at, updated_at)
           VALUES (${ids.snowflake()}, ${requesterId}, ${targetId}, ${status}, ${nowMs}, ${nowMs})`,
        );
      }),
    now: clock,
    advance(ms) {
      nowMs += ms;
    },
    async [Symbol.asyncDispose]() {
      await announcer.drain();
      await running[Symbol.asyncDispose]();
      await mq[Symbol.asyncDispose]();
      await cache[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
