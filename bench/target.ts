import { readFile } from "node:fs/promises";
import { cpuUsOf, rssBytesOf, startServer } from "./server-process.ts";

/** What a bench drives. Disposing stops only what the bench started. */
export interface Target extends AsyncDisposable {
  /** `embedded`, or `up`. */
  readonly kind: "embedded" | "up";
  /** Gateways. */
  readonly urls: readonly string[];
  /** CPU time that all its processes have used, user and system, in microseconds. */
  cpuUs(): Promise<number>;
  /** Resident memory of all its processes, bytes. */
  rssBytes(): Promise<number>;
  /** Calls that its services have answered over the network; 0 in one process, where there are none. */
  rpcCalls(): Promise<number>;
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

/** A process of the bench's own, on a folder of its own, without rate limits. */
export async function embeddedTarget(settings: Readonly<Record<string, string>>): Promise<Target> {
  const server = await startServer({ settings: { "ratelimit.enabled": "false", ...settings } });
  return {
    kind: "embedded",
    urls: [server.url],
    cpuUs: server.cpuUs,
    rssBytes: server.rssBytes,
    rpcCalls: () => Promise.resolve(0),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The processes of `gochat up`, which are left running. Rejects when there are none. */
export async function upTarget(file: string): Promise<Target> {
  const { processes } = JSON.parse(await readFile(file, "utf8")) as Cluster;
  const urls = processes.flatMap(({ url }) => (url === null ? [] : [url.replace("//localhost", "//127.0.0.1")]));
  const sum = async (read: (process: Cluster["processes"][number]) => Promise<number>): Promise<number> =>
    (await Promise.all(processes.map(read))).reduce((all, one) => all + one, 0);
  return {
    kind: "up",
    urls,
    cpuUs: () => sum(({ pid }) => cpuUsOf(pid)),
    rssBytes: () => sum(({ pid }) => rssBytesOf(pid)),
    rpcCalls: () => sum(({ adminUrl }) => callsAnswered(adminUrl)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function callsAnswered(adminUrl: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  let calls = 0;
  for (const [, value] of text.matchAll(/^rpc_server_requests_total\{[^}]*\} (\S+)$/gm)) calls += Number(value);
  return calls;
}
