import type { Cache } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import { type CheckState, watchChecks } from "#infra/host/checks.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Mq } from "#infra/mq/mq.ts";
import { createOnce } from "#infra/once/once.ts";
import { startRpcListeners } from "#infra/rpc/listeners.ts";
import { type RpcService, rpcService } from "#infra/rpc/rpc.ts";
import type { RpcTls } from "#infra/rpc/tls.ts";
import { tracedServices } from "#infra/trace/rpc.ts";
import { noTracer, type Tracer } from "#infra/trace/trace.ts";
import type { Ids } from "#infra/uid/uid.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import { HEALTH_SERVICE, healthService } from "#proto/health.ts";
import { IDS_MAX } from "#proto/limits.ts";
import { listMethods } from "#proto/list-methods.ts";
import { reflectionServices } from "#proto/reflection.ts";
import { topics } from "#proto/topics.ts";
import { type AccountEvents, createAccountEvents } from "./account-events.ts";
import { createAnnouncer } from "./announce.ts";
import type { Keys } from "./auth/keys.ts";
import { type Calls, createCalls } from "./calls.ts";
import { type Changes, createChanges } from "./changes.ts";
import type { LogicConfig } from "./config.ts";
import { type ConversationEvents, createConversationEvents } from "./conversation/events.ts";
import type { LogicContext, RepoClients } from "./deps.ts";
import { createFriendNotices, type FriendNotices } from "./friend/notices.ts";
import { createContentFilter } from "./message/filter.ts";
import { createOutboxDeletes } from "./outbox-deletes.ts";
import { createPipeline } from "./pipeline.ts";
import { type AuthDeps, authService } from "./rpc/auth.ts";
import { conversationService } from "./rpc/conversation.ts";
import { conversationChangeMethods } from "./rpc/conversation-changes.ts";
import { friendService } from "./rpc/friend.ts";
import { joinRequestMethods } from "./rpc/join-requests.ts";
import { memberChangeMethods } from "./rpc/members.ts";
import { messageService } from "./rpc/message.ts";
import { type ContentRules, messageChangeMethods } from "./rpc/message-changes.ts";
import { pinMethods } from "./rpc/pins.ts";
import { userService } from "./rpc/user.ts";
import { createSignals, type Signals } from "./signals.ts";
import { subscribeUpstream } from "./upstream.ts";

export interface LogicDeps {
  readonly mq: Mq;
  readonly repo: RepoClients & AuthDeps["repo"];
  readonly ids: Ids;
  readonly cache: Cache;
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** Default: none. */
  readonly tracer?: Tracer | undefined;
  /** Private signing keys; no other service has them. */
  readonly keys: Keys;
  /** Unix ms. Default Date.now. */
  readonly clock?: (() => number) | undefined;
  /** What callers must show on the port `rpc.port`; without it no port is opened. */
  readonly serviceToken?: string | undefined;
  /** Of the port. */
  readonly rpcTls?: RpcTls | undefined;
}

export interface RunningLogic extends AsyncDisposable {
  /** gochat.logic.v1 and health, to be called directly or over `url`. */
  readonly services: readonly RpcService[];
  readonly url?: string | undefined;
  checks(): Readonly<Record<string, CheckState>>;
}

/** Batches of outbox ids that may wait for the delete in flight. */
const outboxBatchesMax = 20;
/** How long the delete of an outbox row waits for a commit to ride with; far below the sweeper's 10 s. */
const outboxRestMs = 100;

/** Serves gochat.logic.v1 and consumes `gochat.messages.upstream`. The backends stay the caller's. Disposing stops the
 *  port, stops fetching, finishes the batches in flight with their produces and outbox deletes, in this order (60 §14).
 *  Rejects with StartError when the port is busy. */
export async function startLogic(config: LogicConfig, deps: LogicDeps): Promise<RunningLogic> {
  const clog = deps.clog.namespace("logic");
  const tracer = deps.tracer ?? noTracer;
  const context: LogicContext = { ...deps, clog, tracer, clock: deps.clock ?? Date.now };
  await deps.mq.ensureTopics([
    topics.upstream,
    topics.persist,
    topics.broadcast,
    topics.fanout,
    topics.conversationEvents,
    topics.messageEvents,
    topics.friendEvents,
    topics.notifications,
    topics.userEvents,
  ]);
  // Disposed in the reverse order: port, consumer, calls, events, deletes.
  await using stack = new AsyncDisposableStack();
  const outboxDeletes = createOutboxDeletes(
    { idsMax: IDS_MAX, waitingMax: IDS_MAX * outboxBatchesMax, restMs: outboxRestMs },
    { ...context, deleteOutbox: (outboxIds) => context.repo.outbox.deleteOutbox({ outboxIds }) },
  );
  stack.defer(() => outboxDeletes.drain());
  const announcer = createAnnouncer(context);
  stack.defer(() => announcer.drain());
  const signals = createSignals(context);
  stack.defer(() => signals.drain());
  const events = createConversationEvents({ announce: announcer.announce, clock: context.clock });
  const accountEvents = createAccountEvents({ announce: announcer.announce, clock: context.clock });
  const notices = createFriendNotices({ signals, announce: announcer.announce, clock: context.clock });
  const content = { rules: rulesOf(config), filter: createContentFilter(config.message.filter) };
  const pipeline = createPipeline(content, {
    ...context,
    outboxDeletes,
    sendFailed: (send, code) => events.sendFailed(send, code),
  });
  const calls = createCalls(config.calls, { ...context, pipeline });
  stack.defer(() => calls.drain());
  const changes = createChanges({
    ...context,
    deliverChange: (change) => pipeline.deliverChange(change),
    announce: (row, facts) => events.changed(row, facts),
  });
  stack.defer(() => changes.drain());
  const services = tracedServices(
    servicesOf(config, deps, context, { calls, changes, events, signals, notices, accountEvents, content }),
    tracer,
  );
  const checks = stack.use(watchChecks({ log: async () => (await deps.mq.health()).status }));
  const upstream = await subscribeUpstream({ ...context, pipeline });
  stack.use(upstream);
  const { serviceToken, rpcTls: tls } = deps;
  const listeners =
    serviceToken === undefined
      ? undefined
      : await startRpcListeners(
          services,
          {
            ...config.rpc,
            serviceToken,
            tls,
            open: [HEALTH_SERVICE],
            reflection: reflectionServices,
            lists: listMethods,
          },
          { errors: connectErrors, clog, metrics: deps.metrics },
        );
  stack.use(listeners);
  const opened = stack.move();
  return {
    services,
    url: listeners?.url,
    checks: checks.states,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Hot (spec 60 §13): as the configuration says when a message is checked. */
function rulesOf({ message }: LogicConfig): { contentCharsMax: number; allowedTypes: ReadonlySet<number> } {
  let listed = message.allowedTypes;
  let types = new Set(listed.map(Number));
  return {
    get contentCharsMax() {
      return message.maxLength;
    },
    get allowedTypes() {
      if (listed !== message.allowedTypes) {
        listed = message.allowedTypes;
        types = new Set(listed.map(Number));
      }
      return types;
    },
  };
}

interface Parts {
  readonly calls: Calls;
  readonly changes: Changes;
  readonly events: ConversationEvents;
  readonly signals: Signals;
  readonly notices: FriendNotices;
  readonly accountEvents: AccountEvents;
  readonly content: ContentRules;
}

function servicesOf(
  config: LogicConfig,
  deps: LogicDeps,
  context: LogicContext,
  { calls, changes, events, signals, notices, accountEvents, content }: Parts,
): RpcService[] {
  const { repo } = deps;
  const { clock } = context;
  const members = { groupMembersMax: config.group.maxMembers, single: config.single };
  const services = [
    rpcService(AuthService, authService({ ...deps, accountEvents, clog: context.clog, clock, config })),
    rpcService(UserService, userService({ repo, accountEvents })),
    rpcService(FriendService, friendService({ repo, notices })),
    rpcService(MessageService, {
      ...messageService(context, calls),
      ...messageChangeMethods(context, changes, config.message, content),
    }),
    rpcService(ConversationService, {
      ...conversationService(
        {
          repo,
          events,
          signals,
          clock,
          metrics: deps.metrics,
          once: createOnce({ cache: deps.cache, clog: context.clog }),
        },
        members,
      ),
      ...memberChangeMethods(context, changes, members),
      ...conversationChangeMethods({ ...context, signals }, changes),
      ...joinRequestMethods(context, changes, members),
      ...pinMethods(context, changes),
    }),
  ];
  const names = new Set(["", ...services.map(({ service }) => service.typeName)]);
  return [...services, healthService((name) => (names.has(name) ? true : undefined))];
}
