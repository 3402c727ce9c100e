import { readFile } from "node:fs/promises";
import type { Side } from "./cores.ts";
import { BenchUsageError } from "./options.ts";
import { cpuUsOfTree, listenerOf, rssBytesOfTree } from "./process-figures.ts";
import { startServer } from "./server-process.ts";

/** What a bench drives. Disposing stops only what the bench started. */
export interface Target extends AsyncDisposable {
  /** `embedded`, `up`, or an address. */
  readonly kind: string;
  /** Gateways. */
  readonly urls: readonly string[];
  /** CPU time that all its processes have used, user and system, in microseconds; undefined where they cannot be seen. */
  cpuUs(): number | undefined;
  /** Resident memory of all its processes, bytes; undefined where they cannot be seen. */
  rssBytes(): number | undefined;
  /** CPU time by process, where there are several. */
  cpuUsByName(): Readonly<Record<string, number>>;
  /** Calls that its services have answered over the network; 0 in one process, where there are none. */
  rpcCalls(): Promise<number>;
  /** Statements that its database has run since the start; undefined where its metrics cannot be read. */
  dbStatements(): Promise<number | undefined>;
}

/** What `gochat up` writes of the processes it started (`.run/up/cluster.json`). */
export interface Cluster {
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly adminUrl: string;
    readonly url: string | null;
  }[];
}

export interface TargetOptions {
  readonly target: string;
  /** Keys of the configuration of an embedded server. */
  readonly settings: Readonly<Record<string, string>>;
  readonly gateways: number;
  readonly side: Side;
  /** A data folder that stays; for an embedded server. */
  readonly data?: string;
}

/** `embedded` starts a process of the bench's own, `up` finds those of `gochat up`, an address is taken as it is. */
export function openTarget(options: TargetOptions): Promise<Target> {
  if (options.target === "embedded") return embeddedTarget(options);
  if (options.target === "up") {
    const { INFRA_DIR } = process.env;
    return upTarget(INFRA_DIR === undefined ? ".run/up/cluster.json" : `${INFRA_DIR}/up/cluster.json`);
  }
  return Promise.resolve(urlTarget(options.target));
}

/** On a folder of its own, without rate limits. */
async function embeddedTarget({ settings, gateways, side, data }: TargetOptions): Promise<Target> {
  const all = { "ratelimit.enabled": "false", ...settings };
  const server = await startServer({ settings: all, gateways, side, ...(data === undefined ? {} : { data }) });
  return {
    kind: "embedded",
    urls: [server.url],
    ...figuresOf({ server: server.pid }),
    rpcCalls: () => Promise.resolve(0),
    dbStatements: () => sumOf([server.adminUrl], statementsLine),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The processes of `gochat up`, which are left running. Rejects when there are none. */
async function upTarget(file: string): Promise<Target> {
  const text = await readFile(file, "utf8").catch(() => {
    throw new BenchUsageError(`There is no ${file}: start the processes with make infra-up, make up.`);
  });
  const { processes } = JSON.parse(text) as Cluster;
  const admins = processes.map(({ adminUrl }) => adminUrl);
  return {
    kind: "up",
    urls: processes.flatMap(({ url }) => (url === null ? [] : [url.replace("//localhost", "//127.0.0.1")])),
    ...figuresOf(Object.fromEntries(processes.map(({ name, pid }) => [name, pid]))),
    rpcCalls: () => sumOf(admins, callsLine),
    dbStatements: () => sumOf(admins, statementsLine),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Any address; its process is seen when it listens on this machine. */
export function urlTarget(text: string): Target {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new BenchUsageError(`--target is embedded, up or an address (http://…), not "${text}".`);
  const pid = /^(localhost|127\.|\[::1\])/.test(url.hostname) ? listenerOf(Number(url.port || 80)) : undefined;
  return {
    kind: url.origin,
    urls: [url.origin.replace("//localhost", "//127.0.0.1")],
    ...(pid === undefined
      ? { cpuUs: () => undefined, rssBytes: () => undefined, cpuUsByName: () => ({}) }
      : figuresOf({ server: pid })),
    rpcCalls: () => Promise.resolve(0),
    dbStatements: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function figuresOf(pids: Readonly<Record<string, number>>): Pick<Target, "cpuUs" | "rssBytes" | "cpuUsByName"> {
  const all = Object.values(pids);
  return {
    cpuUs: () => all.reduce((sum, pid) => sum + cpuUsOfTree(pid), 0),
    rssBytes: () => all.reduce((sum, pid) => sum + rssBytesOfTree(pid), 0),
    cpuUsByName: () => Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuUsOfTree(pid)])),
  };
}

const callsLine = /^rpc_server_requests_total\{[^}]*\} (\S+)$/gm;
const statementsLine = /^gochat_db_statements_total(?:\{[^}]*\})? (\S+)$/gm;

/** The sum of a metric over processes. */
async function sumOf(adminUrls: readonly string[], line: RegExp): Promise<number> {
  const pages = await Promise.all(adminUrls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  let sum = 0;
  for (const page of pages) for (const [, value] of page.matchAll(line)) sum += Number(value);
  return sum;
}
