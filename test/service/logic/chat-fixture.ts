import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescService, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client, Interceptor, ServiceImpl } from "@connectrpc/connect";
import { createMemoryCache, type MemoryCache } from "../../../infra/cache/memory.ts";
import { silentLogger } from "../../../infra/clog/clog.ts";
import { loadConfig } from "../../../infra/config/config.ts";
import { createSqliteDb } from "../../../infra/db/sqlite.ts";
import { createMetrics } from "../../../infra/metrics/metrics.ts";
import { createEmbeddedMq } from "../../../infra/mq/embedded.ts";
import type { MemoryLimits } from "../../../infra/mq/memory-topic.ts";
import type { Mq, Topic } from "../../../infra/mq/mq.ts";
import { createDirectClient } from "../../../infra/rpc/direct.ts";
import type { RpcService } from "../../../infra/rpc/rpc.ts";
import { createIds, testWorkerLease } from "../../../infra/uid/uid.ts";
import { loadKeys } from "../../../logic/auth/keys.ts";
import { defaultLogicConfig, type LogicConfig } from "../../../logic/config.ts";
import { startLogic } from "../../../logic/start.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import { ConversationService } from "../../../proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "../../../proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService } from "../../../proto/gen/gochat/logic/v1/message_service_pb.ts";
import { type Ack, AckStatus, type DownstreamRecord } from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import { UpstreamMessageSchema } from "../../../proto/gen/gochat/mq/v1/upstream_pb.ts";
import { ConversationService as RepoConversationService } from "../../../proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "../../../proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import {
  type CommitItem,
  type CommitMessagesRequest,
  type CommitMessagesResponse,
  MessageService as RepoMessageService,
} from "../../../proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "../../../proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "../../../proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { SessionService } from "../../../proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService } from "../../../proto/gen/gochat/repo/v1/user_service_pb.ts";
import { downstreamTopic, topics } from "../../../proto/topics.ts";
import { repoSpec } from "../../../repo/config.ts";
import { startRepo } from "../../../repo/start.ts";

export const gatewayId = "gateway-7";
export const incarnation = "0199c000-0000-7000-8000-000000000007";

type Upstream = MessageInitShape<typeof UpstreamMessageSchema>;

/** Stands between logic and the commit point: may fail before or after it, or change the answer. */
export type Faults = (
  call: () => Promise<CommitMessagesResponse>,
  items: CommitItem[],
) => Promise<CommitMessagesResponse>;

/** Logic and repo as in one process, on embedded drivers, with a listener in the place of a gateway. */
export interface Chat extends AsyncDisposable {
  readonly conversation: Client<typeof ConversationService>;
  readonly message: Client<typeof MessageService>;
  readonly friend: Client<typeof FriendService>;
  readonly repo: {
    readonly user: Client<typeof UserService>;
    readonly conversation: Client<typeof RepoConversationService>;
    readonly message: Client<typeof RepoMessageService>;
    readonly friendship: Client<typeof FriendshipService>;
    readonly outbox: Client<typeof OutboxService>;
    readonly onlineStatus: Client<typeof OnlineStatusService>;
  };
  readonly mq: Mq;
  readonly cache: MemoryCache;
  /** The very object that logic reads its hot settings from. */
  readonly config: LogicConfig;
  /** The polite stop of logic; repo and the log stay. */
  stopLogic(): Promise<void>;
  /** What reached the gateway, in order. */
  readonly downstream: readonly DownstreamRecord[];
  /** Acks that reached the gateway, in order. */
  acks(): Ack[];
  /** An account, registered unless said otherwise; answers its id. */
  addUser(name: string, options?: { guest?: boolean }): Promise<string>;
  /** A socket session of `userId` at the gateway; answers its id. */
  connect(userId: string): Promise<string>;
  /** Sends like the gateway does: a record of `gochat.messages.upstream`. */
  sendUpstream(...sends: readonly Upstream[]): Promise<void>;
  /** Calls of CommitMessages go through this; undefined = straight. */
  faults: Faults | undefined;
}

export interface ChatOptions {
  /** Bounds of each topic in memory. */
  readonly limits?: Partial<MemoryLimits>;
}

export async function openChat(options: ChatOptions = {}): Promise<Chat> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gochat-chat-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const metrics = createMetrics();
  const db = stack.use(createSqliteDb({ file: ":memory:" }));
  const cache = stack.use(createMemoryCache({}));
  const mq = stack.use(createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics, limits: options.limits }));
  const ids = createIds({ worker: testWorkerLease() });
  const common = { clog: silentLogger, metrics, ids, cache };
  const repoConfig = loadConfig(repoSpec, { environment: "development" }).config;
  const runningRepo = stack.use(await startRepo(repoConfig, { ...common, db }));

  const state: { faults: Faults | undefined } = { faults: undefined };
  const between: Interceptor = (next) => async (request) => {
    if (state.faults === undefined || request.stream || request.method.name !== "CommitMessages") return next(request);
    const { items } = request.message as CommitMessagesRequest;
    let response: Awaited<ReturnType<typeof next>> | undefined;
    const message = await state.faults(async () => {
      response = await next(request);
      return response.message as CommitMessagesResponse;
    }, items);
    if (response === undefined || response.stream) throw new Error("the fault answered for the commit");
    return { ...response, message };
  };
  const repo = {
    user: clientOf(runningRepo.services, UserService),
    session: clientOf(runningRepo.services, SessionService),
    conversation: clientOf(runningRepo.services, RepoConversationService),
    message: clientOf(runningRepo.services, RepoMessageService, [between]),
    friendship: clientOf(runningRepo.services, FriendshipService),
    outbox: clientOf(runningRepo.services, OutboxService),
    onlineStatus: clientOf(runningRepo.services, OnlineStatusService),
  };
  const keys = await loadKeys({ file: join(folder, "keys.json") });
  const config = defaultLogicConfig("development");
  const logic = await startLogic(config, { ...common, mq, repo, keys });
  // Disposing it twice does nothing the second time.
  const stopLogic = async (): Promise<void> => await logic[Symbol.asyncDispose]();
  stack.defer(stopLogic);

  const downstream: DownstreamRecord[] = [];
  await collect(mq, downstreamTopic(gatewayId), downstream);
  const opened = stack.move();
  return {
    conversation: clientOf(logic.services, ConversationService),
    message: clientOf(logic.services, MessageService),
    friend: clientOf(logic.services, FriendService),
    repo,
    mq,
    cache,
    config,
    downstream,
    stopLogic,
    acks: () => downstream.flatMap(acksIn),
    async addUser(name, { guest = false } = {}) {
      const { user } = await repo.user.createUser({ username: name, passwordHash: "!", isGuest: guest });
      return user?.id ?? "";
    },
    async connect(userId) {
      const sessionId = Bun.randomUUIDv7();
      const sid = Bun.randomUUIDv7();
      const exp = Math.floor(Date.now() / 1000) + 3600;
      const refreshClaims = JSON.stringify({ exp });
      const refreshHash = new Bun.CryptoHasher("sha256").update(sid).digest("hex");
      await repo.session.createSession({
        session: { id: sid, userId, expiresAt: BigInt(exp) },
        refreshHash,
        refreshClaims,
      });
      await repo.onlineStatus.setUserOnline({ userId, gatewayId, incarnation, sessionId, sid });
      return sessionId;
    },
    async sendUpstream(...sends) {
      const values = sends.map((send) =>
        create(UpstreamMessageSchema, { messageType: 1, gatewayId, incarnation, ...send }),
      );
      await mq.send(values.map((value) => ({ topic: topics.upstream, key: value.conversationId, value })));
    },
    get faults() {
      return state.faults;
    },
    set faults(faults) {
      state.faults = faults;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function clientOf<S extends DescService>(
  services: readonly RpcService[],
  service: S,
  interceptors: readonly Interceptor[] = [],
): Client<S> {
  const found = services.find((candidate) => candidate.service.typeName === service.typeName);
  const impl = (found?.impl ?? {}) as Partial<ServiceImpl<S>>;
  return createDirectClient(service, impl, { errors: connectErrors, interceptors });
}

/** Everything that is sent to a topic from now on, in order. */
export async function collect<T>(mq: Mq, topic: Topic<T>, into: T[]): Promise<void> {
  const options = { group: `test.${Bun.randomUUIDv7()}`, from: "end", commits: false } as const;
  await mq.subscribe(topic, { ...options, recordsMax: 1000, bytesMax: 8 << 20 }, async ({ records }) => {
    for (const record of records) into.push(record.value);
    return { done: records.length };
  });
}

function acksIn(record: DownstreamRecord): Ack[] {
  return record.items.flatMap(({ body }) => (body.case === "acks" ? body.value.acks : []));
}

export function isSuccess(ack: Ack | undefined): boolean {
  return ack?.status === AckStatus.SUCCESS;
}

/** Waits for a condition, at most 5 s. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited 5 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
