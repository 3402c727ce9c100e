import project from "#package.json";
import { ConfigError } from "../config/config.ts";
import type { Environment } from "../config/keys.ts";
import { startAdmin } from "./admin.ts";
import type { Embedded } from "./backends.ts";
import type { CheckState } from "./checks.ts";
import { type HostConfig, hostSpec } from "./config.ts";
import { type Host, openHost } from "./host.ts";
import { followLive, type Live } from "./live.ts";
import { type PeerName, registerPeer } from "./peers.ts";
import { untilStop } from "./signals.ts";
import { type ConfigsOf, loadAll, type Overrides, type Specs, type Surroundings, sourcesOf } from "./sources.ts";
import { exitCodes, StartError } from "./start-error.ts";

export const version: string = project.version;

/** What a composition answers once it serves. Disposing drains and stops it. */
export interface Running extends AsyncDisposable {
  readonly url?: string | undefined;
  /** Aborts when the process is to stop by itself, as a gateway whose id another process has taken. */
  readonly replaced?: AbortSignal | undefined;
  checks(): Readonly<Record<string, CheckState>>;
}

/** What the services of a composition are given. */
export interface Given<S extends Specs> {
  readonly host: Host;
  readonly hostConfig: HostConfig;
  readonly environment: Environment;
  /** Hot keys change in these very objects (`ws.max_connections` …): read them where they act, do not copy them. */
  readonly configs: ConfigsOf<S>;
}

/** What a process is made of. */
export interface Composition<S extends Specs> {
  /** `gochat`, or the name of its only service. */
  readonly service: string;
  /** The services it runs: which YAML files count. */
  readonly services: readonly string[];
  readonly specs: S;
  /** Flags for one spec alone; what the caller sets himself wins. */
  readonly overrides?: Overrides<S>;
  /** The name under which the registry shows its RPC listener (`Running.url`). */
  readonly registers?: PeerName;
  /** In the place of the embedded drivers of log, cache and centre. */
  readonly embedded?: Embedded | undefined;
  /** Port of health and metrics when the configuration names none. */
  adminPort(configs: ConfigsOf<S>): number;
  start(given: Given<S>): Promise<Running>;
}

/** A process that serves. Disposing stops the services, the admin endpoints, the backends, in that order. */
export interface Process extends AsyncDisposable {
  readonly running: Running;
  readonly host: Host;
  readonly adminUrl: string;
  readonly hostConfig: HostConfig;
}

/** Configuration, backends, services: in this order. Throws StartError or ConfigError. */
export async function startProcess<S extends Specs>(
  composition: Composition<S>,
  surroundings: Surroundings,
): Promise<Process> {
  const startedAtMs = Date.now();
  const sources = sourcesOf(surroundings, composition.services);
  const specs = { ...composition.specs, host: hostSpec };
  // Whatever the centre says: files, environment and flags that are wrong by themselves end the start here.
  const files = loadAll<typeof specs>(specs, sources, composition.overrides);
  const bootstrap: HostConfig = files.configs.host;
  await using stack = new AsyncDisposableStack();
  const { environment } = sources;
  const { service, services, overrides, embedded } = composition;
  const following = Promise.withResolvers<Live<typeof specs>>();
  const host = stack.use(
    await openHost(bootstrap, { environment, service, services, embedded }, async (base) => {
      const live = await followLive({ specs, sources, overrides, services }, base);
      following.resolve(live);
      return live.configs.host;
    }),
  );
  const live = stack.use(await following.promise);
  live.onHot((latest) => host.configure(latest.host));
  const { configs } = live;
  const hostConfig: HostConfig = configs.host;
  // What changed while the backends were opened.
  host.configure(hostConfig);
  for (const warning of live.loaded.warnings) host.clog.warn(warning);
  let ready = false;
  let running: Running | undefined;
  const source = {
    service,
    version,
    ready: () => ready,
    checks: () => running?.checks() ?? {},
    config: () => live.loaded.shown,
  };
  const port = hostConfig.admin.port ?? composition.adminPort(configs);
  const admin = stack.use(
    startAdmin({ host: hostConfig.admin.host, port }, { source, metrics: host.metrics, clog: host.clog, startedAtMs }),
  );
  running = stack.use(await composition.start({ host, hostConfig, environment, configs }));
  if (composition.registers !== undefined && running.url !== undefined) {
    const registration = await registerPeer(composition.registers, running.url, host, hostConfig, version);
    stack.defer(() => registration.unregister());
  }
  ready = true;
  stack.defer(() => {
    ready = false;
  });
  const started = stack.move();
  return { running, host, adminUrl: admin.url, hostConfig, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** Runs a composition until a signal, or until `asked` aborts. Answers the exit code: 0 after a polite stop. */
export async function runUntilStopped<S extends Specs>(
  composition: Composition<S>,
  surroundings: Surroundings,
  onReady: (process: Process) => void,
  asked?: AbortSignal,
): Promise<number> {
  try {
    const process = await startProcess(composition, surroundings);
    const { replaced } = process.running;
    const stop = untilStop(process.host.clog, process.hostConfig.shutdown.timeout, { replaced, asked });
    onReady(process);
    process.host.clog.info("stopping", { reason: await stop });
    await process[Symbol.asyncDispose]();
    return replaced?.aborted === true ? exitCodes.unavailable : 0;
  } catch (error) {
    return report(error);
  }
}

/** Says what kept a process from starting, in words for people; answers the exit code. */
export function report(error: unknown): number {
  if (error instanceof ConfigError) {
    console.error("The configuration is wrong:");
    for (const one of error.problems)
      console.error(`  ${one.key} = ${one.value} (from ${one.source}); allowed: ${one.allowed}`);
    return exitCodes.config;
  }
  if (error instanceof StartError) {
    console.error(error.message);
    return error.exitCode;
  }
  console.error(error);
  return 1;
}
