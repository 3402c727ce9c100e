import { connectPeer } from "#infra/host/peers.ts";
import { type Composition, runUntilStopped } from "#infra/host/run.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { taskSpec } from "./config.ts";
import { startTask } from "./start.ts";

const adminPort = 9194;

/** This service alone in its process, with repo as the registry shows it. */
const taskAlone: Composition<{ task: typeof taskSpec }> = {
  service: "task",
  services: ["task"],
  specs: { task: taskSpec },
  adminPort: () => adminPort,
  async start({ host, hostConfig, configs }) {
    await using stack = new AsyncDisposableStack();
    const repo = stack.use(
      await connectPeer("im-repo", host, hostConfig, { caller: "im-task", errors: connectErrors }),
    );
    const task = await startTask(configs.task, {
      mq: await host.mq(),
      repo: {
        message: repo.client(MessageService),
        conversation: repo.client(ConversationService),
        onlineStatus: repo.client(OnlineStatusService),
        friendship: repo.client(FriendshipService),
        outbox: repo.client(OutboxService),
      },
      coord: host.coord,
      clog: host.clog,
      metrics: host.metrics,
      tracer: host.tracer,
    });
    stack.use(task);
    const opened = stack.move();
    return { checks: task.checks, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  },
};

/** Runs until a signal; resolves to the exit code. */
export function runTask(flags: Readonly<Record<string, string>> = {}): Promise<number> {
  return runUntilStopped(taskAlone, { env: process.env, flags }, ({ host }) => {
    host.clog.info("task is ready");
  });
}

if (import.meta.main) process.exit(await runTask());
