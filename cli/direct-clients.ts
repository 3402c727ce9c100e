import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { Host } from "#infra/host/host.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import type { RpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService as LogicConversations } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService as LogicMessages } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService as LogicUsers } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";

type Instruments = Pick<Host, "clog" | "metrics">;

/** Clients that call the services of this very process. */
function clients(services: readonly RpcService[], { clog, metrics }: Instruments) {
  return <S extends DescService>(service: S): Client<S> =>
    directClientOf(services, service, { errors: connectErrors, clog, metrics });
}

/** Repo as the other services see it. */
export function directRepo(services: readonly RpcService[], instruments: Instruments) {
  const of = clients(services, instruments);
  return {
    user: of(UserService),
    session: of(SessionService),
    onlineStatus: of(OnlineStatusService),
    conversation: of(ConversationService),
    message: of(MessageService),
    friendship: of(FriendshipService),
    outbox: of(OutboxService),
  };
}

/** Logic as gateways see it. */
export function directLogic(services: readonly RpcService[], instruments: Instruments) {
  const of = clients(services, instruments);
  return {
    auth: of(AuthService),
    user: of(LogicUsers),
    conversation: of(LogicConversations),
    message: of(LogicMessages),
    friend: of(FriendService),
  };
}
