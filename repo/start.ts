import { migrations } from "#drizzle/migrations.ts";
import { createTables } from "#drizzle/schema.ts";
import type { Cache } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { Db } from "#infra/db/db.ts";
import { migrate } from "#infra/db/migrate.ts";
import { type CheckState, watchChecks } from "#infra/host/checks.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { startRpcListeners } from "#infra/rpc/listeners.ts";
import { type RpcService, rpcService } from "#infra/rpc/rpc.ts";
import type { RpcTls } from "#infra/rpc/tls.ts";
import { tracedServices } from "#infra/trace/rpc.ts";
import { noTracer, type Tracer } from "#infra/trace/trace.ts";
import type { Ids } from "#infra/uid/uid.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { ArchiveService } from "#proto/gen/gochat/repo/v1/archive_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FileStoreService } from "#proto/gen/gochat/repo/v1/file_store_service_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { IdempotencyService } from "#proto/gen/gochat/repo/v1/idempotency_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { NotificationStoreService } from "#proto/gen/gochat/repo/v1/notification_store_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { SearchIndexService } from "#proto/gen/gochat/repo/v1/search_index_service_pb.ts";
import { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { Health } from "#proto/gen/grpc/health/v1/health_pb.ts";
import { listMethods } from "#proto/list-methods.ts";
import { reflectionServices } from "#proto/reflection.ts";
import type { RepoConfig } from "./config.ts";
import type { ListGateways, RepoContext } from "./context.ts";
import { withDbErrors } from "./db-errors.ts";
import { conversationService } from "./rpc/conversation.ts";
import { friendshipService } from "./rpc/friendship.ts";
import { healthService } from "./rpc/health.ts";
import { idempotencyService } from "./rpc/idempotency.ts";
import { messageService } from "./rpc/message.ts";
import { onlineStatusService } from "./rpc/online-status.ts";
import { outboxService } from "./rpc/outbox.ts";
import { sessionService } from "./rpc/session.ts";
import { userService } from "./rpc/user.ts";
import { createPresenceStore } from "./store/presence.ts";
import { createLocalPresence } from "./store/presence-local.ts";
import { ensureWorld } from "./store/world.ts";
import { watchWrites } from "./writes.ts";

export interface RepoDeps {
  readonly db: Db;
  readonly cache: Cache;
  /** Where presence lies: `process` for the only repo, whose cache is its own memory. Default `cache`. */
  readonly presence?: "cache" | "process" | undefined;
  readonly ids: Ids;
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** Default: none. */
  readonly tracer?: Tracer | undefined;
  /** True where no other process can write the embedded database: what is read again and again is then held in memory. */
  readonly onlyWriter?: boolean;
  /** Unix milliseconds. Default Date.now. */
  readonly clock?: () => number;
  /** What callers must show on the port `rpc.port`; without it no port is opened. */
  readonly serviceToken?: string;
  /** For `ListGateways`; without it that answers SERVICE_UNAVAILABLE. */
  readonly gateways?: ListGateways | undefined;
  /** Of the port. */
  readonly rpcTls?: RpcTls | undefined;
}

export interface RunningRepo extends AsyncDisposable {
  /** gochat.repo.v1 and health, to be called directly or over `url`. */
  readonly services: readonly RpcService[];
  readonly url?: string | undefined;
  checks(): Readonly<Record<string, CheckState>>;
}

function repoServices(context: RepoContext): RpcService[] {
  return [
    rpcService(UserService, userService(context)),
    rpcService(SessionService, sessionService(context)),
    rpcService(OnlineStatusService, onlineStatusService(context)),
    rpcService(ConversationService, conversationService(context)),
    rpcService(MessageService, messageService(context)),
    rpcService(FriendshipService, friendshipService(context)),
    rpcService(OutboxService, outboxService(context)),
    rpcService(IdempotencyService, idempotencyService(context)),
    rpcService(Health, healthService(context)),
    // Known to callers, not built yet: every method answers `unimplemented`.
    ...[ArchiveService, FileStoreService, NotificationStoreService, SearchIndexService].map((one) =>
      rpcService(one, {}),
    ),
  ].map((one) => withDbErrors(one, context.db.dialect, context.clog));
}

/** Without the cache nothing is lost, only pushes of listed conversations wait: `degraded`. */
async function stateOf(ping: Promise<void>, otherwise: CheckState): Promise<CheckState> {
  try {
    await ping;
    return "ok";
  } catch {
    return otherwise;
  }
}

/** What the database has done and what waits for it, as of each scrape. */
function watchDb({ db, metrics }: RepoDeps): void {
  const watch = (name: string, help: string, read: (stats: ReturnType<Db["stats"]>) => number): void =>
    metrics.gauge(name, help).watch(() => read(db.stats()));
  watch("gochat_db_waiting", "Transactions that wait for the writer", (stats) => stats.waiting);
  watch("gochat_db_transactions", "Transactions stored since the start", (stats) => stats.transactions);
  watch(
    "gochat_db_statements_total",
    "Statements since the start, those of a transaction included",
    (stats) => stats.statements,
  );
  watch("gochat_db_commits", "Commits since the start; several transactions share one", (stats) => stats.commits);
}

/** Migrates the database, makes the world conversation, and serves gochat.repo.v1. The backends stay the caller's.
 *  Rejects with StartError when the port is busy, with what `migrate` throws when the schema does not fit. */
export async function startRepo(config: RepoConfig, deps: RepoDeps): Promise<RunningRepo> {
  const clog = deps.clog.namespace("repo");
  const clock = deps.clock ?? Date.now;
  const { db, cache, ids, metrics } = deps;
  const applied = await migrate(db, migrations, clock);
  if (applied.length > 0) clog.info("database migrated", { versions: applied.join(", ") });
  const tracer = deps.tracer ?? noTracer;
  const tables = createTables(db.dialect.name);
  const parts = { cache, clog, clock };
  const presence = deps.presence === "process" ? createLocalPresence(parts) : createPresenceStore(parts);
  const watched = deps.onlyWriter === true && db.dialect.name === "sqlite" ? watchWrites(db, tables) : { db };
  const { gateways } = deps;
  const own = { ...watched, tables, presence, clog, tracer, clock, config, gateways };
  const context: RepoContext = { ...own, cache, ids, metrics };
  await ensureWorld(context);

  watchDb(deps);
  const services = tracedServices(repoServices(context), tracer);
  await using stack = new AsyncDisposableStack();
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
            open: [Health.typeName],
            reflection: reflectionServices,
            lists: listMethods,
          },
          { errors: connectErrors, clog, metrics },
        );
  stack.use(listeners);
  const checks = stack.use(
    watchChecks({ db: () => stateOf(db.ping(), "down"), cache: () => stateOf(cache.ping(), "degraded") }),
  );
  const opened = stack.move();
  return { services, url: listeners?.url, checks: checks.states, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
