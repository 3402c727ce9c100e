import { type Composition, runUntilStopped } from "#infra/host/run.ts";
import { createRemoteClient } from "#infra/rpc/client.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { taskSpec } from "./config.ts";
import { startTask } from "./start.ts";

const adminPort = 9194;

/** This service alone in its process, with repo at `rpc.repo_url`. */
const taskAlone: Composition<{ task: typeof taskSpec }> = {
  service: "task",
  services: ["task"],
  specs: { task: taskSpec },
  adminPort: () => adminPort,
  async start({ host, hostConfig, configs }) {
    const remote = {
      baseUrl: hostConfig.rpc.repoUrl,
      errors: connectErrors,
      caller: { service: "im-task", token: host.serviceToken },
      metrics: host.metrics,
    };
    return startTask(configs.task, {
      mq: await host.mq(),
      repo: {
        message: createRemoteClient(MessageService, remote),
        conversation: createRemoteClient(ConversationService, remote),
        outbox: createRemoteClient(OutboxService, remote),
      },
      coord: host.coord,
      clog: host.clog,
      metrics: host.metrics,
      tracer: host.tracer,
    });
  },
};

/** Runs until a signal; resolves to the exit code. */
export function runTask(flags: Readonly<Record<string, string>> = {}): Promise<number> {
  return runUntilStopped(taskAlone, { env: process.env, flags }, ({ host }) => {
    host.clog.info("task is ready");
  });
}

if (import.meta.main) process.exit(await runTask());
