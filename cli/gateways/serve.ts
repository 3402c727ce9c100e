import { createLogger } from "#infra/clog/clog.ts";
import { coordDriver } from "#infra/coord/config.ts";
import { startAdmin } from "#infra/host/admin.ts";
import { watchChecks } from "#infra/host/checks.ts";
import { type HostConfig, hostSpec } from "#infra/host/config.ts";
import { report, version } from "#infra/host/run.ts";
import { untilStop } from "#infra/host/signals.ts";
import { type LoadedAll, loadAll, type Surroundings, sourcesOf } from "#infra/host/sources.ts";
import { exitCodes, StartError } from "#infra/host/start-error.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { gatewaySpec } from "../../gateway/config.ts";
import { childCommand } from "./command.ts";
import { startGatewayProcesses } from "./processes.ts";

const specs = { gateway: gatewaySpec, host: hostSpec };
export type GatewayConfigs = LoadedAll<typeof specs>;

/** Beside the time that a process may take to stop. */
const stopExtraMs = 2000;
const adminPort = 9193;

/** The configuration of `gochat serve gateway`, as its processes will read it. Throws ConfigError. */
export function readGatewayConfigs(surroundings: Surroundings): GatewayConfigs {
  return loadAll<typeof specs>(specs, sourcesOf(surroundings, ["gateway"]));
}

/** Throws StartError where the processes could not reach each other's sessions. */
function refuseEmbedded({ coord, mq }: HostConfig): void {
  if (coordDriver(coord) !== "local" && mq.driver !== "embedded") return;
  throw new StartError(
    "Gateway processes of a distributed installation meet in etcd and Kafka: set COORD_ETCD_ENDPOINTS and GOCHAT_MQ__DRIVER=kafka. Without servers use `gochat serve --gateways N`.",
    exitCodes.config,
  );
}

/** `gochat serve gateway --processes N`: starts and watches N gateway processes on one port, each with its own id, until a
 *  signal; then all drain. This process has no socket of a client. Answers the exit code. */
export async function serveGateways({ configs, shown }: GatewayConfigs, surroundings: Surroundings): Promise<number> {
  const { gateway, host } = configs;
  const { level, format } = host.log;
  const clog = createLogger({ service: "gateways", level, format });
  const metrics = createMetrics();
  const admin = host.admin.port ?? adminPort;
  const settings = { bridged: false, flags: surroundings.flags, adminPort: admin, own: {} };
  const startedAtMs = Date.now();
  try {
    refuseEmbedded(host);
    const processes = await startGatewayProcesses(
      {
        count: gateway.processes,
        hostname: gateway.hostname,
        port: gateway.port,
        command: (number, port) => childCommand(settings, number, port),
        env: surroundings.env,
        stopMs: host.shutdown.timeout + stopExtraMs,
      },
      { clog, metrics, serve() {} },
    );
    await using stack = new AsyncDisposableStack();
    stack.use(processes);
    const checks = stack.use(watchChecks(processes.probes));
    let stopping = false;
    const source = {
      service: "gateways",
      version,
      ready: () => !stopping && processes.running > 0,
      checks: checks.states,
      config: () => shown,
    };
    stack.use(startAdmin({ host: host.admin.host, port: admin }, { source, metrics, clog, startedAtMs }));
    const stop = untilStop(clog, host.shutdown.timeout + 2 * stopExtraMs);
    clog.info("gateway processes are ready", { count: gateway.processes, url: processes.url });
    const reason = await stop;
    stopping = true;
    clog.info("stopping", { reason });
    await stack.disposeAsync();
    return processes.stoppedWell ? 0 : 1;
  } catch (error) {
    return report(error);
  }
}
