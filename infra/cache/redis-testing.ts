import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { CacheConfig } from "./config.ts";

/** What the live tests use of a Redis. */

/** Settings of a client of `nodes`, with short waits. */
export function redisConfig(nodes: readonly string[], change: Partial<CacheConfig> = {}): CacheConfig {
  return {
    driver: "redis",
    mode: "single",
    nodes,
    sentinelName: "mymaster",
    username: undefined,
    password: undefined,
    sentinelPassword: undefined,
    tls: false,
    tlsCaFile: undefined,
    db: 0,
    prefix: "live:",
    timeout: 2000,
    connectTimeout: 2000,
    startWait: 10_000,
    ...change,
  };
}

/** Where `redis-server` is: on this machine, or unpacked by `make infra-up` under `folder`. */
export function findRedis(folder: string): string | undefined {
  return Bun.which("redis-server") ?? Bun.which("redis-server", { PATH: join(folder, "debian/usr/bin") }) ?? undefined;
}

/** A server of a test's own, which may be stopped. */
export interface RedisProcess {
  readonly node: string;
  readonly port: number;
  readonly pid: number;
  /** One command on a connection of its own. */
  ask(command: string, ...args: string[]): Promise<unknown>;
  kill(): Promise<void>;
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts `program` with `settings` (`--name value` …) and waits until it answers. */
export async function startRedis(
  program: string,
  settings: readonly string[] = [],
  sentinelFile?: string,
): Promise<RedisProcess> {
  const dir = mkdtempSync(join(tmpdir(), "gochat-redis-"));
  const port = freePort();
  const file = join(dir, "sentinel.conf");
  if (sentinelFile !== undefined) await Bun.write(file, sentinelFile);
  let child: Bun.Subprocess | undefined;
  const server: RedisProcess = {
    node: `127.0.0.1:${port}`,
    port,
    get pid() {
      return child?.pid ?? 0;
    },
    async ask(command, ...args) {
      const redis = new Redis({ host: "127.0.0.1", port, protocol: 2, lazyConnect: true, retryStrategy: () => null });
      redis.on("error", () => {});
      try {
        await redis.connect();
        return await redis.call(command, ...args);
      } finally {
        redis.disconnect();
      }
    },
    async start() {
      const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--protected-mode", "no"];
      const role = sentinelFile === undefined ? [...own, "--save", ""] : [file, "--sentinel", ...own];
      // Unpacked, it has its libraries beside it.
      const libraries = join(program, `../../lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`);
      const env = program.startsWith("/usr/") ? {} : { LD_LIBRARY_PATH: libraries };
      child = Bun.spawn([program, ...role, ...settings], { env, stdout: "ignore", stderr: "ignore" });
      await until(async () => (await server.ask("ping")) === "PONG");
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

/** Removes every key of a test's prefix. */
export async function removeKeys(node: string, prefix: string): Promise<void> {
  const redis = new Redis(`redis://${node}`, { protocol: 2 });
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 500 }))
      if (Array.isArray(keys) && keys.length > 0) await redis.unlink(...keys.map(String));
  } finally {
    redis.disconnect();
  }
}

/** A port that is free, as is the one 10,000 above it, on which nodes of a cluster talk to each other. */
function freePort(): number {
  for (;;) {
    const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    probe.stop(true);
    if (probe.port < 55_000 && isFree(probe.port + 10_000)) return probe.port;
  }
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
