import { type ChildChannel, createChildChannel } from "#infra/bridge/channel.ts";
import { createPeer, type Peer, type Remote } from "#infra/bridge/peer.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { CheckState, Probe } from "#infra/host/checks.ts";
import { exitCodes, listenError, StartError } from "#infra/host/start-error.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";

/** What a gateway process calls in the one that started it. */
export interface ParentVerbs {
  readonly ready: (told: { url: string; adminUrl: string }) => void;
}

/** What a gateway process is asked by the one that started it. */
export interface ChildVerbs {
  readonly state: () => CheckState;
}

export interface GatewayProcessesOptions {
  readonly count: number;
  readonly hostname: string;
  /** 0: a free one, the same for all. */
  readonly port: number;
  /** The command of one process; `number` counts from 1. */
  command(number: number, port: number): readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** After a SIGTERM a process has this long, ms; then it is killed. */
  readonly stopMs: number;
}

export interface GatewayProcessesDeps {
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** What a process may use of this one, over its line. */
  serve(peer: Peer): void;
}

/** Gateway processes on one port. Disposing drains and ends all of them at the same time. */
export interface GatewayProcesses extends AsyncDisposable {
  readonly url: string;
  /** How each process is, by `gateway-process-{n}`; one that is being started again is `degraded`. */
  readonly probes: Readonly<Record<string, Probe>>;
  readonly running: number;
  /** Of the stop: false when one had to be killed, or ended with an error. */
  readonly stoppedWell: boolean;
}

/** Between an end and the next start, doubling; from the beginning again after `steadyMs` of life. */
const againMs = 500;
const againMsMax = 30_000;
const steadyMs = 60_000;
const readyMs = 60_000;

interface Slot {
  readonly number: number;
  child: Child | undefined;
  /** Ends in a row without `steadyMs` of life. */
  ends: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

interface Child {
  readonly pid: number;
  readonly startedMs: number;
  readonly ready: Promise<string>;
  readonly exited: Promise<number>;
  readonly asked: Remote<ChildVerbs>;
  live: boolean;
  kill(signal: NodeJS.Signals): void;
}

/** Starts all of them at the same time. A process that ends is started again. Rejects with
 *  StartError when the port is busy or a process does not become ready at the start; it has said why itself. */
export async function startGatewayProcesses(
  options: GatewayProcessesOptions,
  deps: GatewayProcessesDeps,
): Promise<GatewayProcesses> {
  const { count } = options;
  const { clog, metrics } = deps;
  const restarts = metrics.counter(
    "gochat_gateway_process_restarts_total",
    "Gateway processes that were started again.",
  );
  const slots = Array.from({ length: count }, (_, at): Slot => {
    return { number: at + 1, child: undefined, ends: 0, timer: undefined };
  });
  const port = portOf(options.hostname, options.port);
  let started = false;
  let stopping: Promise<void> | undefined;
  let stoppedWell = true;

  function launch(slot: Slot): Child {
    const child = spawnChild(options.command(slot.number, port), options.env, deps);
    slot.child = child;
    void child.exited.then((code) => ended(slot, child, code));
    return child;
  }

  function ended(slot: Slot, child: Child, code: number): void {
    slot.child = undefined;
    if (stopping !== undefined) {
      stoppedWell &&= code === 0;
      return;
    }
    if (!started) return;
    slot.ends = performance.now() - child.startedMs >= steadyMs ? 1 : slot.ends + 1;
    const afterMs = Math.min(againMs * 2 ** (slot.ends - 1), againMsMax);
    clog.error("a gateway process ended and is started again", { number: slot.number, code, after_ms: afterMs });
    slot.timer = setTimeout(() => {
      restarts.inc();
      // It failing again is seen by its end.
      launch(slot).ready.catch(() => undefined);
    }, afterMs);
  }

  async function stop(): Promise<void> {
    for (const { timer } of slots) clearTimeout(timer);
    await Promise.all(slots.flatMap(({ child }) => (child === undefined ? [] : [endChild(child, options.stopMs)])));
  }

  await using stack = new AsyncDisposableStack();
  stack.defer(() => {
    stopping ??= stop();
    return stopping;
  });
  const [url = ""] = await Promise.all(slots.map((slot) => launch(slot).ready));
  started = true;
  const opened = stack.move();
  return {
    url,
    probes: Object.fromEntries(
      slots.map((slot) => [
        `gateway-process-${slot.number}`,
        async () => (slot.child?.live === true ? await slot.child.asked.state() : "degraded"),
      ]),
    ),
    get running() {
      return slots.filter(({ child }) => child?.live === true).length;
    },
    get stoppedWell() {
      return stoppedWell;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** The port, a free one for 0, that nobody listens on now: with a shared port a second installation would not fail to
 *  listen, it would take half of the connections. Throws StartError. */
function portOf(hostname: string, port: number): number {
  try {
    const probe = Bun.listen({ hostname, port, socket: { data() {} } });
    const found = probe.port;
    probe.stop(true);
    return found;
  } catch (error) {
    throw listenError(error, hostname, port, "PORT");
  }
}

function spawnChild(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  deps: GatewayProcessesDeps,
): Child {
  const channel: ChildChannel & ReturnType<typeof createChildChannel> = createChildChannel();
  const process = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    env: { ...env },
    serialization: "advanced",
    ipc: (message) => channel.received(message),
  });
  channel.attach(process);
  const peer = createPeer(channel);
  const ready = Promise.withResolvers<string>();
  const child: Child = {
    pid: process.pid,
    startedMs: performance.now(),
    ready: ready.promise,
    exited: process.exited,
    asked: peer.remote<ChildVerbs>("gateway-process", { classes: [], closed: () => new Error("the process ended") }),
    live: false,
    kill: (signal) => process.kill(signal),
  };
  peer.serve("supervisor", {
    ready({ url, adminUrl }: Parameters<ParentVerbs["ready"]>[0]) {
      child.live = true;
      deps.clog.info("gateway process is ready", { process: process.pid, url, admin_url: adminUrl });
      ready.resolve(url);
    },
  });
  deps.serve(peer);
  void process.exited.then((code) => ready.reject(startFailure(code)));
  // A process that hangs before it is ready ends like one that failed.
  const late = setTimeout(() => {
    if (!child.live) process.kill("SIGKILL");
  }, readyMs);
  void process.exited.then(() => {
    child.live = false;
    clearTimeout(late);
  });
  return child;
}

function startFailure(code: number): StartError {
  return new StartError(
    `A gateway process did not start (exit code ${code}).`,
    code === 0 ? exitCodes.unavailable : code,
  );
}

async function endChild(child: Child, stopMs: number): Promise<void> {
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await child.exited;
  clearTimeout(late);
}
