import type { Embedded } from "#infra/host/backends.ts";
import { connectPeer } from "#infra/host/peers.ts";
import { type Composition, type Process, type Running, runUntilStopped, version } from "#infra/host/run.ts";
import type { ServiceConnection } from "#infra/rpc/connect-service.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import { ConversationService as RepoConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { listMethods } from "#proto/list-methods.ts";
import type { LogicClients, RepoClients } from "./clients.ts";
import { gatewaySpec } from "./config.ts";
import type { Pages } from "./http/pages.ts";
import { startGateway } from "./start.ts";

const adminPort = 9193;

/** One of several gateway processes that share a port (docs/adr/0020-gateway-processes.md). */
export interface Together {
  /** In the place of embedded drivers that are in another process. */
  readonly embedded: Embedded | undefined;
  readonly onReady: (process: Process) => void;
  /** Aborts when the process is to drain and end. */
  readonly asked: AbortSignal;
}

/** This service alone in its process; logic and repo are called over the network. */
function gatewayAlone(pages: Pages, together?: Together): Composition<{ gateway: typeof gatewaySpec }> {
  return {
    service: "gateway",
    embedded: together?.embedded,
    services: ["gateway"],
    specs: { gateway: gatewaySpec },
    adminPort: () => adminPort,
    async start({ host, hostConfig, environment, configs }): Promise<Running> {
      const { clog, metrics, tracer, coord, ratelimit, cache, serviceToken, rpcTls } = host;
      await using stack = new AsyncDisposableStack();
      const own = { caller: "im-gateway", errors: connectErrors, lists: listMethods };
      const logic = stack.use(await connectPeer("im-logic", host, hostConfig, own));
      const repo = stack.use(await connectPeer("im-repo", host, hostConfig, own));
      const gatewayId = `gateway-${host.worker.number}`;
      const { advertise } = hostConfig.rpc;
      const sharesPort = together !== undefined;
      const config = { ...configs.gateway, environment, version, gatewayId, sharesPort, advertise };
      const deps = { mq: await host.mq(), coord, ratelimit, cache, clog, metrics, tracer, pages, serviceToken, rpcTls };
      const gateway = stack.use(
        await startGateway(config, { ...deps, logic: logicClients(logic), repo: repoClients(repo) }),
      );
      const { url, replaced, checks } = gateway;
      const opened = stack.move();
      return { url, replaced, checks, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
  };
}

function logicClients({ client }: ServiceConnection): LogicClients {
  return {
    auth: client(AuthService),
    user: client(UserService),
    conversation: client(ConversationService),
    message: client(MessageService),
    friend: client(FriendService),
  };
}

function repoClients({ client }: ServiceConnection): RepoClients {
  return { onlineStatus: client(OnlineStatusService), conversation: client(RepoConversationService) };
}

/** Runs until a signal; resolves to the exit code. */
export function runGateway(
  flags: Readonly<Record<string, string>> = {},
  pages: Pages = {},
  together?: Together,
): Promise<number> {
  const onReady = (started: Process): void => {
    started.host.clog.info("gateway is ready", { url: started.running.url });
    together?.onReady(started);
  };
  return runUntilStopped(gatewayAlone(pages, together), { env: process.env, flags }, onReady, together?.asked);
}

if (import.meta.main) process.exit(await runGateway());
