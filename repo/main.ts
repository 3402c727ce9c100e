import { type Composition, runUntilStopped } from "#infra/host/run.ts";
import { repoSpec } from "./config.ts";
import { startRepo } from "./start.ts";

const adminPort = 9191;

/** This service alone in its process, on the backends of the configuration. */
const repoAlone: Composition<{ repo: typeof repoSpec }> = {
  service: "repo",
  services: ["repo"],
  registers: "im-repo",
  specs: { repo: repoSpec },
  adminPort: () => adminPort,
  start: async ({ host, hostConfig, configs }) =>
    startRepo(configs.repo, {
      db: await host.db(),
      cache: host.cache,
      presence: hostConfig.cache.driver === "memory" ? "process" : "cache",
      ids: host.ids,
      clog: host.clog,
      metrics: host.metrics,
      tracer: host.tracer,
      gateways: () => host.coord.discover("gateway"),
      serviceToken: host.serviceToken,
      rpcTls: host.rpcTls,
    }),
};

/** Runs until a signal; resolves to the exit code. */
export function runRepo(flags: Readonly<Record<string, string>> = {}): Promise<number> {
  return runUntilStopped(repoAlone, { env: process.env, flags }, ({ running, host }) => {
    host.clog.info("repo is ready", { url: running.url });
  });
}

if (import.meta.main) process.exit(await runRepo());
