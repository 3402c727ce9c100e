import type { CallOptions, Client } from "@connectrpc/connect";
import type { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import type { FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import type { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import type { UserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import type { ConversationService as RepoConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { Identity } from "./auth/token-verifier.ts";

/** Logic as the gateway sees it: the implementation itself in one process, a client over HTTP otherwise. Both throw
 *  AppError. */
export interface LogicClients {
  readonly auth: Client<typeof AuthService>;
  readonly user: Client<typeof UserService>;
  readonly conversation: Client<typeof ConversationService>;
  readonly message: Client<typeof MessageService>;
  readonly friend: Client<typeof FriendService>;
}

/** The two parts of repo that a gateway may call. */
export interface RepoClients {
  readonly onlineStatus: Pick<
    Client<typeof OnlineStatusService>,
    "setUsersOnline" | "setUsersOffline" | "updateHeartbeats" | "getUsersOnlineStatus"
  >;
  readonly conversation: Pick<Client<typeof RepoConversationService>, "checkMembers">;
}

/** Deadline and caller context of a call made on behalf of `identity` (spec 30 §1). */
export function callOptions(
  timeoutMs: number,
  traceId: string,
  identity?: Identity,
  /** Context of a sampled trace. */
  traceparent?: string,
): CallOptions {
  const headers: Record<string, string> = { "x-trace-id": traceId };
  if (identity !== undefined) {
    headers["x-user-id"] = identity.userId;
    headers["x-session-id"] = identity.sid;
    headers["x-is-guest"] = String(identity.isGuest);
  }
  if (traceparent !== undefined) headers.traceparent = traceparent;
  return { timeoutMs, headers };
}
