import type { Client } from "@connectrpc/connect";
import type { Logger } from "#infra/clog/clog.ts";
import type { Coord } from "#infra/coord/coord.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Mq } from "#infra/mq/mq.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import type { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import type { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import type { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";

/** The services of repo that task needs; in one process direct calls, else over the wire. */
export interface RepoClients {
  readonly message: Pick<Client<typeof MessageService>, "getConversationMessages">;
  readonly conversation: Pick<Client<typeof ConversationService>, "getConversationRoutes">;
  readonly onlineStatus: Pick<Client<typeof OnlineStatusService>, "cleanupExpiredStatus" | "getUsersOnlineStatus">;
  readonly friendship: Pick<Client<typeof FriendshipService>, "getMutualFriends">;
  readonly outbox: Pick<Client<typeof OutboxService>, "listOutbox" | "deleteOutbox">;
}

export interface TaskDeps {
  readonly mq: Mq;
  readonly repo: RepoClients;
  readonly coord: Pick<Coord, "acquire" | "discover">;
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** Default: none. */
  readonly tracer?: Tracer | undefined;
  /** Unix ms. Default Date.now. */
  readonly clock?: (() => number) | undefined;
  /** Between two sweeps; rejects when the signal aborts. Default: a timer. */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}
