import type { ConfigOf } from "#infra/config/config.ts";
import type { CheckState } from "#infra/host/checks.ts";
import { beside, rpcPortBeside } from "#infra/host/ports.ts";
import { type Composition, type Given, type Running, version } from "#infra/host/run.ts";
import type { Surroundings } from "#infra/host/sources.ts";
import type { Mq } from "#infra/mq/mq.ts";
import type { LogicClients, RepoClients } from "../gateway/clients.ts";
import { gatewaySpec } from "../gateway/config.ts";
import { type RunningGateway, startGateway } from "../gateway/start.ts";
import { loadKeys } from "../logic/auth/keys.ts";
import { logicSpec } from "../logic/config.ts";
import { startLogic } from "../logic/start.ts";
import { repoSpec } from "../repo/config.ts";
import { startRepo } from "../repo/start.ts";
import { taskSpec } from "../task/config.ts";
import { startTask } from "../task/start.ts";
import { allSpec } from "./all-in-one-spec.ts";
import { directLogic, directRepo } from "./direct-clients.ts";
import { startGateways } from "./gateways/beside.ts";
import { pages } from "./pages.ts";

const specs = { gateway: gatewaySpec, logic: logicSpec, repo: repoSpec, task: taskSpec, all: allSpec };
type Specs = typeof specs;

/** The four services in one process: each calls the other's implementation, no bytes in between. With `processes` the
 *  gateways are in processes of their own, which reach the rest here. */
export function allInOne(surroundings: Surroundings): Composition<Specs> {
  return {
    service: "gochat",
    services: ["gateway", "logic", "repo", "task"],
    specs,
    adminPort: ({ gateway }) => beside(gateway.port, 1000),
    start: (given) => startAllServices(given, surroundings),
  };
}

function rpcPorts(port: number, all: ConfigOf<typeof allSpec>["all"]): { logic: number; repo: number } {
  return {
    logic: all.logicPort ?? rpcPortBeside(port, 9001, 2000),
    repo: all.repoPort ?? rpcPortBeside(port, 9002, 3000),
  };
}

/** Started from the database to the sockets, stopped the other way round. */
async function startAllServices(given: Given<Specs>, surroundings: Surroundings): Promise<Running> {
  const { host, hostConfig, configs } = given;
  const { clog, metrics, tracer, cache, ids, coord, serviceToken, rpcTls } = host;
  const mq = await host.mq();
  const ports = rpcPorts(configs.gateway.port, configs.all.all);
  await using stack = new AsyncDisposableStack();

  const repoConfig = { ...configs.repo, rpc: { ...configs.repo.rpc, port: ports.repo, grpcPort: undefined } };
  const presence = hostConfig.cache.driver === "memory" ? "process" : "cache";
  // The embedded log is locked by the process that has the folder, and so is the database beside it.
  const onlyWriter = hostConfig.mq.driver === "embedded";
  const own = { presence, onlyWriter, gateways: () => coord.discover("gateway") } as const;
  const repoDeps = { db: await host.db(), cache, ...own, ids, clog, metrics, tracer, serviceToken, rpcTls };
  const repo = stack.use(await startRepo(repoConfig, repoDeps));
  const repoClients = directRepo(repo.services, host);

  const keys = await loadKeys({
    file: host.folder.file(configs.logic.jwt.keyFile),
    onWarning: (message) => clog.warn(message),
  });
  const logicConfig = { ...configs.logic, rpc: { ...configs.logic.rpc, port: ports.logic, grpcPort: undefined } };
  const logicDeps = { mq, repo: repoClients, ids, cache, clog, metrics, tracer, keys, serviceToken, rpcTls };
  const logic = stack.use(await startLogic(logicConfig, logicDeps));

  const task = stack.use(await startTask(configs.task, { mq, repo: repoClients, coord, clog, metrics, tracer }));

  const gateway = stack.use(
    configs.gateway.processes > 0
      ? await startGateways(given, surroundings, { mq, logicUrl: logic.url ?? "", repoUrl: repo.url ?? "" })
      : await startGatewayHere(given, mq, directLogic(logic.services, host), repoClients),
  );
  const services = { repo, logic, task, gateway };
  const started = stack.move();
  return {
    url: gateway.url,
    replaced: gateway.replaced,
    checks() {
      const all: Record<string, CheckState> = {};
      for (const [name, service] of Object.entries(services))
        for (const [check, state] of Object.entries(service.checks())) all[`${name}.${check}`] = state;
      return all;
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

function startGatewayHere(
  { host, hostConfig, environment, configs }: Given<Specs>,
  mq: Mq,
  logic: LogicClients,
  repo: RepoClients,
): Promise<RunningGateway> {
  const { clog, metrics, tracer, coord, ratelimit, cache, serviceToken, rpcTls } = host;
  const config = {
    ...configs.gateway,
    rpc: { ...configs.gateway.rpc, port: configs.all.all.gatewayPort },
    ...{ environment, version, gatewayId: `gateway-${host.worker.number}`, advertise: hostConfig.rpc.advertise },
  };
  const deps = { mq, logic, repo, coord, ratelimit, cache, clog, metrics, tracer, pages, serviceToken, rpcTls };
  return startGateway(config, deps);
}
