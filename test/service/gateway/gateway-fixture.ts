import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescService, isMessage } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { defaultGatewaySettings, type GatewayConfig } from "../../../gateway/config.ts";
import type { Pages } from "../../../gateway/http/pages.ts";
import { type RunningGateway, startGateway } from "../../../gateway/start.ts";
import { createMemoryCache } from "../../../infra/cache/memory.ts";
import { createLogger, type Logger } from "../../../infra/clog/clog.ts";
import { loadConfig } from "../../../infra/config/config.ts";
import { createLocalCoord, type LocalCoord } from "../../../infra/coord/local.ts";
import type { Db } from "../../../infra/db/db.ts";
import { createSqliteDb } from "../../../infra/db/sqlite.ts";
import { createMetrics, type Metrics } from "../../../infra/metrics/metrics.ts";
import { createEmbeddedMq } from "../../../infra/mq/embedded.ts";
import type { Mq, OutRecord } from "../../../infra/mq/mq.ts";
import { createRateLimit, type RateLimit } from "../../../infra/ratelimit/ratelimit.ts";
import { directClientOf } from "../../../infra/rpc/direct.ts";
import type { CallWrapper, RpcService } from "../../../infra/rpc/rpc.ts";
import { tracedMq } from "../../../infra/trace/mq.ts";
import { noTracer, type Tracer } from "../../../infra/trace/trace.ts";
import { createIds, testWorkerLease } from "../../../infra/uid/uid.ts";
import { loadKeys } from "../../../logic/auth/keys.ts";
import { defaultLogicConfig, type LogicConfig } from "../../../logic/config.ts";
import { startLogic } from "../../../logic/start.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import { AppError } from "../../../proto/errors.ts";
import { AuthService } from "../../../proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "../../../proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "../../../proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService } from "../../../proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService } from "../../../proto/gen/gochat/logic/v1/user_service_pb.ts";
import { BroadcastRecordSchema, DownstreamRecordSchema } from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import { ConversationService as RepoConversationService } from "../../../proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "../../../proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { MessageService as RepoMessageService } from "../../../proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "../../../proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "../../../proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { SessionService } from "../../../proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService as RepoUserService } from "../../../proto/gen/gochat/repo/v1/user_service_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { repoSpec } from "../../../repo/config.ts";
import { startRepo } from "../../../repo/start.ts";
import { type TaskConfig, taskSpec } from "../../../task/config.ts";
import { startTask } from "../../../task/start.ts";
import { type Api, createApi } from "../../support/api.ts";

/** A gateway with logic and repo behind it, all in this process on embedded drivers, listening on a free port. */
export interface Town extends AsyncDisposable {
  readonly url: string;
  readonly api: Api;
  readonly gateway: RunningGateway;
  /** All of them, on the same log and the same repo: `gateway` is the first. */
  readonly gateways: readonly RunningGateway[];
  readonly mq: Mq;
  readonly metrics: Metrics;
  readonly ratelimit: RateLimit;
  readonly onlineStatus: Client<typeof OnlineStatusService>;
  /** Of repo. */
  readonly db: Db;
  readonly friendship: Client<typeof FriendshipService>;
  readonly coord: LocalCoord;
  /** Every line that was logged. */
  readonly log: readonly string[];
  /** Calls of this method of repo or logic, as the gateway makes them, fail as when the service is away. */
  away: Watched | undefined;
  /** Instead of every call of logic for a request that was let in. */
  breaks: CallWrapper | undefined;
  /** Runs before each call of repo or logic that a gateway makes. */
  before: ((method: string) => void) | undefined;
  /** Records that close sockets of another gateway get lost. */
  loseKicks: boolean;
  /** How often gateways called it. */
  calls(method: Watched): number;
  /** Unix ms; the gateway's only. */
  advance(ms: number): void;
  /** Unix ms; logic's only. */
  advanceLogic(ms: number): void;
}

type Watched = "SetUsersOnline" | "GetUsersOnlineStatus" | "GetRooms" | "GetKeySet" | "ValidateToken" | "Login";
/** Calls of the gateway's own, before a request is let in. */
const ownCalls: ReadonlySet<string> = new Set<Watched>(["GetKeySet", "ValidateToken"]);
/** What services show each other. */
export const serviceToken = "a-service-token-of-the-tests";
type Change = (config: GatewayConfig) => GatewayConfig;

export interface TownOptions {
  /** `gateway-1`, `gateway-2`, … Default 1. */
  readonly gateways?: number;
  /** The service task itself instead of what stands in for it. */
  readonly task?: boolean;
  /** The settings of that task. */
  readonly change?: (config: TaskConfig) => TaskConfig;
  readonly tracer?: Tracer;
  readonly logic?: (config: LogicConfig) => LogicConfig;
  /** Members above which a group is a room, and below which it is listed again. */
  readonly rooms?: { readonly above: number; readonly below: number };
}

export async function openTown(
  change: Change = (config) => config,
  pages: Pages = {},
  options: TownOptions = {},
): Promise<Town> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gochat-gateway-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const metrics = createMetrics();
  const log: string[] = [];
  const clog = createLogger({ service: "test", level: "debug", format: "json", write: (line) => log.push(line) });
  const db = stack.use(createSqliteDb({ file: ":memory:" }));
  const cache = stack.use(createMemoryCache({}));
  const tracer = options.tracer ?? noTracer;
  const mq = stack.use(tracedMq(createEmbeddedMq({ file: ":memory:", clog, metrics }), tracer));
  const coord = stack.use(createLocalCoord({ clog }));
  const ids = createIds({ worker: testWorkerLease() });
  const common = { clog, metrics, tracer, ids, cache };
  const { config: repoConfig } = loadConfig(repoSpec, { environment: "development" });
  const { rooms = { above: 500, below: 400 } } = options;
  const fanout = { largeGroupThreshold: rooms.above, roomOffBelow: rooms.below };
  const runningRepo = stack.use(await startRepo({ ...repoConfig, fanout }, { ...common, db }));
  const repo = {
    user: of(runningRepo.services, RepoUserService),
    session: of(runningRepo.services, SessionService),
    onlineStatus: of(runningRepo.services, OnlineStatusService),
    conversation: of(runningRepo.services, RepoConversationService),
    message: of(runningRepo.services, RepoMessageService),
    friendship: of(runningRepo.services, FriendshipService),
    outbox: of(runningRepo.services, OutboxService),
  };
  const keys = await loadKeys({ file: join(folder, "keys.json") });
  let logicOffsetMs = 0;
  const logicConfig = (options.logic ?? ((same) => same))(defaultLogicConfig("development"));
  const logicClock = (): number => Date.now() + logicOffsetMs;
  const logic = stack.use(await startLogic(logicConfig, { ...common, mq, repo, keys, clock: logicClock }));
  if (options.task === true) {
    const { config: taskConfig } = loadConfig(taskSpec, { environment: "development" });
    stack.use(await startTask((options.change ?? ((same) => same))(taskConfig), { ...common, mq, repo, coord }));
  } else await fanOut(mq, clog);
  let offsetMs = 0;
  const state: Pick<Town, "away" | "breaks" | "before" | "loseKicks"> = {
    ...{ away: undefined, breaks: undefined, before: undefined, loseKicks: false },
  };
  const counts = new Map<string, number>();
  const wrap: CallWrapper = (method, _signal, call) => {
    counts.set(method.name, (counts.get(method.name) ?? 0) + 1);
    state.before?.(method.name);
    if (method.name === state.away) return Promise.reject(new AppError("SERVICE_UNAVAILABLE"));
    return call();
  };
  const ofLogic: CallWrapper = (method, ...call) =>
    ((ownCalls.has(method.name) ? undefined : state.breaks) ?? wrap)(method, ...call);
  const ratelimit = createRateLimit({ enabled: false }, { cache, clog, metrics });
  const deps = {
    mq: losing(mq, () => state.loseKicks),
    coord,
    ratelimit,
    cache,
    clog,
    metrics,
    tracer,
    repo: {
      onlineStatus: of(runningRepo.services, OnlineStatusService, wrap),
      conversation: of(runningRepo.services, RepoConversationService, wrap),
    },
    logic: {
      auth: of(logic.services, AuthService, ofLogic),
      user: of(logic.services, UserService, ofLogic),
      conversation: of(logic.services, ConversationService, ofLogic),
      message: of(logic.services, MessageService, ofLogic),
      friend: of(logic.services, FriendService, ofLogic),
    },
    pages,
    clock: () => Date.now() + offsetMs,
    serviceToken,
  };
  const settings = defaultGatewaySettings("development");
  const start = (gatewayId: string): Promise<RunningGateway> =>
    startGateway(
      change({
        ...settings,
        port: 0,
        gatewayId,
        version: "test",
        environment: "development",
        ws: { ...settings.ws, drain: 0 },
      }),
      deps,
    );
  const gateway = stack.use(await start("gateway-1"));
  const gateways = [gateway];
  for (let number = 2; number <= (options.gateways ?? 1); number += 1) {
    gateways.push(stack.use(await start(`gateway-${number}`)));
  }
  const opened = stack.move();
  return {
    url: gateway.url,
    api: createApi(gateway.url),
    gateway,
    gateways,
    mq,
    metrics,
    ratelimit,
    onlineStatus: repo.onlineStatus,
    db,
    friendship: repo.friendship,
    coord,
    log,
    get away() {
      return state.away;
    },
    set away(method) {
      state.away = method;
    },
    get breaks() {
      return state.breaks;
    },
    set breaks(wrapper) {
      state.breaks = wrapper;
    },
    get before() {
      return state.before;
    },
    set before(run) {
      state.before = run;
    },
    get loseKicks() {
      return state.loseKicks;
    },
    set loseKicks(lose) {
      state.loseKicks = lose;
    },
    calls: (method) => counts.get(method) ?? 0,
    advance(ms) {
      offsetMs += ms;
    },
    advanceLogic(ms) {
      logicOffsetMs += ms;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** The log, which drops kicks while `lose` says so. */
function losing(mq: Mq, lose: () => boolean): Mq {
  const isKick = ({ value }: OutRecord): boolean =>
    isMessage(value, DownstreamRecordSchema) &&
    value.items.some(({ body }) => body.case === "control" && body.value.control.case === "kick");
  const send: Mq["send"] = (records) => mq.send(lose() ? records.filter((one) => !isKick(one as OutRecord)) : records);
  return { ...mq, send };
}

function of<S extends DescService>(services: readonly RpcService[], service: S, wrap?: CallWrapper): Client<S> {
  return directClientOf(services, service, { errors: connectErrors, ...(wrap === undefined ? {} : { wrap }) });
}

/** Stands where task stands: rooms go from `fanout` to `broadcast`, one record per task. */
async function fanOut(mq: Mq, clog: Logger): Promise<void> {
  await mq.ensureTopics([topics.fanout, topics.broadcast]);
  const options = {
    group: "test.fanout",
    from: "earliest",
    commits: true,
    recordsMax: 100,
    bytesMax: 1 << 20,
  } as const;
  await mq.subscribe(topics.fanout, options, async ({ records }) => {
    const out = records.map(({ value }) => {
      const { conversationId, membersSeq, rows } = value;
      const record = create(BroadcastRecordSchema, {
        createdAtMs: BigInt(Date.now()),
        body: { case: "push", value: { conversationId, membersSeq, rows } },
      });
      return { topic: topics.broadcast, key: conversationId, value: record } as OutRecord;
    });
    await mq.send(out);
    clog.debug("broadcast", { count: out.length });
    return { done: records.length };
  });
}
