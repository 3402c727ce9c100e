import { type Process, report, runUntilStopped, startProcess } from "#infra/host/run.ts";
import type { Surroundings } from "#infra/host/sources.ts";
import { allInOne } from "./all-in-one.ts";
import type { ServeCommand } from "./command-line.ts";
import { pages } from "./pages.ts";

/** `gochat serve …`: until a signal. Answers the exit code. */
export async function serve({ service, surroundings }: ServeCommand): Promise<number> {
  const { flags } = surroundings;
  switch (service) {
    case undefined:
      return runUntilStopped(allInOne(surroundings), surroundings, announce);
    case "gateway": {
      const { readGatewayConfigs, serveGateways } = await import("./gateways/serve.ts");
      const loaded = orReport(() => readGatewayConfigs(surroundings));
      if (typeof loaded === "number") return loaded;
      if (loaded.configs.gateway.processes > 0) return serveGateways(loaded, surroundings);
      const { runGateway } = await import("../gateway/main.ts");
      return runGateway(flags, pages);
    }
    case "logic": {
      const { runLogic } = await import("../logic/main.ts");
      return runLogic(rpcPort(flags));
    }
    case "repo": {
      const { runRepo } = await import("../repo/main.ts");
      return runRepo(rpcPort(flags));
    }
    case "task": {
      const { runTask } = await import("../task/main.ts");
      return runTask(flags);
    }
  }
}

/** All of GoChat in this process, for tests. */
export function startAll(surroundings: Surroundings): Promise<Process> {
  return startProcess(allInOne(surroundings), surroundings);
}

function orReport<T>(read: () => T): T | number {
  try {
    return read();
  } catch (error) {
    return report(error);
  }
}

/** `--port` and `--host` of a service that speaks Connect only are those of its RPC listener. */
function rpcPort(flags: Readonly<Record<string, string>>): Record<string, string> {
  const { port, hostname, ...rest } = flags;
  return {
    ...rest,
    ...(port === undefined ? {} : { "rpc.port": port }),
    ...(hostname === undefined ? {} : { "rpc.host": hostname }),
  };
}

function announce({ running, host, adminUrl }: Process): void {
  console.log(`GoChat is ready: ${forPeople(running.url)}
  data    ${host.folder.path}
  health  ${adminUrl}/health
  stop    Ctrl+C`);
}

/** The address to click on: a listener on this machine, or on all addresses, is reached as localhost. */
function forPeople(url = ""): string {
  return url.replace(/\/\/(127\.0\.0\.1|0\.0\.0\.0|\[::\]|\[::1\])(?=[:/]|$)/, "//localhost");
}
