import type { Client } from "@connectrpc/connect";
import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Mq } from "#infra/mq/mq.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import type { Ids } from "#infra/uid/uid.ts";
import type { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import type { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import type { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import type { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";

/** The services of repo that conversations and messages need; in one process direct calls, else over the wire. */
export interface RepoClients {
  readonly user: Client<typeof UserService>;
  readonly conversation: Client<typeof ConversationService>;
  readonly message: Client<typeof MessageService>;
  readonly friendship: Client<typeof FriendshipService>;
  readonly outbox: Client<typeof OutboxService>;
  readonly onlineStatus: Pick<Client<typeof OnlineStatusService>, "getUsersOnlineStatus">;
}

/** What the parts of this service share. */
export interface LogicContext {
  readonly mq: Mq;
  readonly repo: RepoClients;
  readonly ids: Ids;
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  /** Unix ms. */
  readonly clock: () => number;
}
