import { watchChecks } from "#infra/host/checks.ts";
import type { Given, Running } from "#infra/host/run.ts";
import type { Surroundings } from "#infra/host/sources.ts";
import type { Mq } from "#infra/mq/mq.ts";
import type { gatewaySpec } from "../../gateway/config.ts";
import { serveBackends } from "./bridge.ts";
import { childCommand } from "./command.ts";
import { startGatewayProcesses } from "./processes.ts";

const adminAbove = 1000;
/** What is left of the stop's time for the services behind the gateways. */
const restMs = 3000;

/** Gateways beside the process that has the other services: they call logic and repo over loopback, and use log, cache
 *  and centre over the line of their spawn (docs/adr/0020-gateway-processes.md). */
export async function startGateways(
  { host, hostConfig, configs }: Given<{ gateway: typeof gatewaySpec }>,
  surroundings: Surroundings,
  reach: { readonly mq: Mq; readonly logicUrl: string; readonly repoUrl: string },
): Promise<Running & { readonly replaced: undefined }> {
  const { gateway } = configs;
  const own = { "rpc.logic_url": reach.logicUrl, "rpc.repo_url": reach.repoUrl, "data.dir": host.folder.path };
  const adminPort = hostConfig.admin.port ?? (gateway.port === 0 ? 0 : gateway.port + adminAbove);
  const settings = { bridged: true, flags: surroundings.flags, adminPort, own };
  await using stack = new AsyncDisposableStack();
  const processes = stack.use(
    await startGatewayProcesses(
      {
        count: gateway.processes,
        hostname: gateway.hostname,
        port: gateway.port,
        command: (number, port) => childCommand(settings, number, port),
        env: surroundings.env,
        stopMs: Math.max(hostConfig.shutdown.timeout - restMs, 100),
      },
      {
        clog: host.clog.namespace("gateways"),
        metrics: host.metrics,
        serve: (peer) => serveBackends(peer, host, reach.mq),
      },
    ),
  );
  const checks = stack.use(watchChecks(processes.probes));
  const opened = stack.move();
  return {
    url: processes.url,
    replaced: undefined,
    checks: checks.states,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
