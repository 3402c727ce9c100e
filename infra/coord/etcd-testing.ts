import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CoordConfig } from "./config.ts";
import { createEtcdHttp } from "./etcd-http.ts";
import { createEtcdKv, type EtcdKv } from "./etcd-kv.ts";

/** What the live tests use of an etcd. */

export function etcdConfig(endpoints: readonly string[], change: Partial<CoordConfig> = {}): CoordConfig {
  return {
    driver: "etcd",
    endpoints,
    prefix: "",
    username: undefined,
    password: undefined,
    tls: false,
    tlsCaFile: undefined,
    tlsCertFile: undefined,
    tlsKeyFile: undefined,
    timeout: 2000,
    startWait: 10_000,
    ...change,
  };
}

/** Calls beside the coords under test. */
export function etcdKv(endpoint: string): EtcdKv {
  return createEtcdKv(createEtcdHttp(etcdConfig([endpoint])));
}

/** The way of one process to etcd, which a test can cut. It remembers the leases that were granted through it. */
export interface Gate {
  readonly endpoint: string;
  readonly leases: readonly string[];
  cut(): Promise<void>;
  open(): void;
}

export function openGate(target: string): Gate {
  const leases: string[] = [];
  let server: ReturnType<typeof serve> | undefined;
  let port = 0;
  const serve = () =>
    Bun.serve({
      hostname: "127.0.0.1",
      port,
      idleTimeout: 0,
      async fetch(request) {
        const { pathname } = new URL(request.url);
        const body = await request.text();
        const answer = await fetch(`http://${target}${pathname}`, { method: "POST", body, signal: request.signal });
        if (pathname !== "/v3/lease/grant") return new Response(answer.body, { status: answer.status });
        const text = await answer.text();
        const [, id] = /"ID":"(\d+)"/.exec(text) ?? [];
        if (id !== undefined) leases.push(id);
        return new Response(text, { status: answer.status });
      },
      error: () => new Response("", { status: 502 }),
    });
  server = serve();
  port = server.port ?? 0;
  return {
    endpoint: `127.0.0.1:${port}`,
    leases,
    async cut() {
      await server?.stop(true);
      server = undefined;
    },
    open() {
      server ??= serve();
    },
  };
}

/** A server of a test's own, which may be stopped; its data stay until dispose. */
export interface EtcdProcess {
  readonly endpoint: string;
  readonly pid: number;
  kill(): Promise<void>;
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where `etcd` is: on this machine, or unpacked by `make infra-up` under `folder`. */
export function findEtcd(folder: string): string | undefined {
  return Bun.which("etcd") ?? Bun.which("etcd", { PATH: join(folder, "debian/usr/bin") }) ?? undefined;
}

export async function startEtcd(program: string): Promise<EtcdProcess> {
  const dir = mkdtempSync(join(tmpdir(), "gochat-etcd-"));
  const [client, peer] = [freePort(), freePort()].map((port) => `http://127.0.0.1:${port}`);
  let child: Bun.Subprocess | undefined;
  const server: EtcdProcess = {
    endpoint: client?.slice("http://".length) ?? "",
    get pid() {
      return child?.pid ?? 0;
    },
    async start() {
      const urls = [`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`];
      const peers = [`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`];
      const cluster = [`--initial-cluster=default=${peer}`, `--data-dir=${dir}`];
      child = Bun.spawn([program, ...urls, ...peers, ...cluster], { stdout: "ignore", stderr: "ignore" });
      await until(async () => (await fetch(`${client}/health`)).ok);
    },
    async kill() {
      child?.kill("SIGKILL");
      await child?.exited;
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** Waits for a condition, at most 20 s; what it throws counts as not yet. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  let last: unknown;
  for (const endMs = Date.now() + 20_000; Date.now() < endMs; await Bun.sleep(20)) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
  }
  throw new Error("the condition did not come true", { cause: last });
}

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  probe.stop(true);
  return probe.port;
}
