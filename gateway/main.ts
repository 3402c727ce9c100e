import type { Host } from "#infra/host/host.ts";
import { type Composition, type Running, runUntilStopped, version } from "#infra/host/run.ts";
import { createRemoteClient, type RemoteClientOptions } from "#infra/rpc/client.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { LogicClients, RepoClients } from "./clients.ts";
import { gatewaySpec } from "./config.ts";
import type { Pages } from "./http/pages.ts";
import { startGateway } from "./start.ts";

const adminPort = 9193;

/** This service alone in its process; logic and repo are called over the network. */
function gatewayAlone(pages: Pages): Composition<{ gateway: typeof gatewaySpec }> {
  return {
    service: "gateway",
    services: ["gateway"],
    specs: { gateway: gatewaySpec },
    adminPort: () => adminPort,
    async start({ host, hostConfig, environment, configs }): Promise<Running> {
      const { clog, metrics, tracer, coord } = host;
      const { logicUrl, repoUrl } = hostConfig.rpc;
      const config = { ...configs.gateway, environment, version, gatewayId: `gateway-${host.worker.number}` };
      return startGateway(config, {
        mq: await host.mq(),
        logic: remoteLogic(logicUrl, host),
        repo: remoteRepo(repoUrl, host),
        coord,
        ratelimit: host.ratelimit,
        clog,
        metrics,
        tracer,
        pages,
      });
    },
  };
}

type Caller = Pick<Host, "serviceToken" | "metrics">;

function remoteOptions(baseUrl: string, { serviceToken: token, metrics }: Caller): RemoteClientOptions {
  return { baseUrl, errors: connectErrors, caller: { service: "gateway", token }, metrics };
}

function remoteLogic(baseUrl: string, caller: Caller): LogicClients {
  const options = remoteOptions(baseUrl, caller);
  return {
    auth: createRemoteClient(AuthService, options),
    user: createRemoteClient(UserService, options),
    conversation: createRemoteClient(ConversationService, options),
    message: createRemoteClient(MessageService, options),
    friend: createRemoteClient(FriendService, options),
  };
}

function remoteRepo(baseUrl: string, caller: Caller): RepoClients {
  return { onlineStatus: createRemoteClient(OnlineStatusService, remoteOptions(baseUrl, caller)) };
}

/** Runs until a signal; resolves to the exit code. */
export function runGateway(flags: Readonly<Record<string, string>> = {}, pages: Pages = {}): Promise<number> {
  return runUntilStopped(gatewayAlone(pages), { env: process.env, flags }, ({ running, host }) => {
    host.clog.info("gateway is ready", { url: running.url });
  });
}

if (import.meta.main) process.exit(await runGateway());
