import { connectPeer } from "#infra/host/peers.ts";
import { type Composition, runUntilStopped } from "#infra/host/run.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { listMethods } from "#proto/list-methods.ts";
import { loadKeys } from "./auth/keys.ts";
import { logicSpec } from "./config.ts";
import { startLogic } from "./start.ts";

const adminPort = 9192;

/** This service alone in its process, with repo as the registry shows it. */
const logicAlone: Composition<{ logic: typeof logicSpec }> = {
  service: "logic",
  services: ["logic"],
  registers: "im-logic",
  specs: { logic: logicSpec },
  adminPort: () => adminPort,
  async start({ host, hostConfig, configs }) {
    await using stack = new AsyncDisposableStack();
    const repo = stack.use(
      await connectPeer("im-repo", host, hostConfig, { caller: "im-logic", errors: connectErrors, lists: listMethods }),
    );
    const keys = await loadKeys({
      file: host.folder.file(configs.logic.jwt.keyFile),
      onWarning: (message) => host.clog.warn(message),
    });
    const logic = await startLogic(configs.logic, {
      mq: await host.mq(),
      repo: {
        user: repo.client(UserService),
        session: repo.client(SessionService),
        conversation: repo.client(ConversationService),
        message: repo.client(MessageService),
        friendship: repo.client(FriendshipService),
        outbox: repo.client(OutboxService),
        onlineStatus: repo.client(OnlineStatusService),
      },
      ids: host.ids,
      cache: host.cache,
      clog: host.clog,
      metrics: host.metrics,
      tracer: host.tracer,
      keys,
      serviceToken: host.serviceToken,
      rpcTls: host.rpcTls,
    });
    stack.use(logic);
    const opened = stack.move();
    return { url: logic.url, checks: logic.checks, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  },
};

/** Runs until a signal; resolves to the exit code. */
export function runLogic(flags: Readonly<Record<string, string>> = {}): Promise<number> {
  return runUntilStopped(logicAlone, { env: process.env, flags }, ({ running, host }) => {
    host.clog.info("logic is ready", { url: running.url });
  });
}

if (import.meta.main) process.exit(await runLogic());
