import { describe, expect, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { onceConformance } from "../once/conformance.ts";
import { createOnce, onceWaitMs } from "../once/once.ts";
import { rateLimitConformance } from "../ratelimit/conformance.ts";
import { type Cache, CacheUnavailableError, type Script } from "./cache.ts";
import type { CacheConfig } from "./config.ts";
import { type CacheUnderTest, cacheConformance } from "./conformance.ts";
import { connectRedis } from "./redis.ts";
import { findRedis, type RedisProcess, redisConfig, removeKeys, startRedis, until } from "./redis-testing.ts";

const shared = process.env.GOCHAT_TEST_REDIS;
/** Servers that a test may stop are its own. */
const own = shared === undefined ? undefined : findRedis(process.env.INFRA_DIR ?? ".run");
const startRedisServer = (settings?: readonly string[], sentinelFile?: string): Promise<RedisProcess> =>
  startRedis(own ?? "", settings, sentinelFile);
const skipped = (what: string | undefined): string =>
  what === undefined ? " (skipped: needs GOCHAT_TEST_REDIS=host:port and redis-server)" : "";
const connect = (nodes: readonly string[], change?: Partial<CacheConfig>): Promise<Cache> =>
  connectRedis(redisConfig(nodes, change), { clog: silentLogger });
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.skipIf(shared === undefined)(`redis${skipped(shared)}`, () => {
  const node = shared ?? "";
  const create = async (): Promise<CacheUnderTest> => {
    const prefix = `live-${crypto.randomUUID()}:`;
    const [cache, other] = await Promise.all([connect([node], { prefix }), connect([node], { prefix })]);
    return {
      cache,
      other,
      advance: (ms) => Bun.sleep(ms + 1),
      async dispose() {
        await Promise.all([cache[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
        await removeKeys(node, prefix);
      },
    };
  };
  cacheConformance("redis", create);
  rateLimitConformance("redis", create);
  onceConformance("redis", async () => {
    const { cache, other, advance, dispose } = await create();
    let waitMs = 0;
    const clock = (): number => waitMs;
    return {
      one: createOnce({ cache, clock }),
      two: createOnce({ cache: other, clock }),
      advance,
      expireWaits() {
        waitMs += onceWaitMs;
      },
      dispose,
    };
  });

  test("keys begin with the prefix of the environment, and meet no other's", async () => {
    await using ours = await connect([node], { prefix: "live-a:" });
    await using theirs = await connect([node], { prefix: "live-b:" });
    await ours.set("k", "1", { ttlMs: 5000 });
    expect(await theirs.get("k")).toBeUndefined();
  });

  test("a write of many members with a time to live is one step, however many", async () => {
    await using cache = await connect([node]);
    const members = Array.from({ length: 20_000 }, (_, at) => ({ member: `m${at}`, score: at }));
    expect(await cache.zadd("many", members, { ttlMs: 5000 })).toBe(20_000);
    expect(await cache.ttl("many")).toBeWithin(1, 5001);
    await cache.del(["many"]);
  });
});

describe.skipIf(own === undefined)(`redis that fails${skipped(own)}`, () => {
  test("stopped: calls reject at once; started again: they work, under another run id", async () => {
    await using server = await startRedisServer();
    await using cache = await connect([server.node]);
    const before = await cache.mgetPrimary(["a"]);
    await server.kill();
    await until(async () => (await failure(cache.get("a"))) !== undefined);
    const sinceMs = performance.now();
    for (let at = 0; at < 100; at += 1) expect(await failure(cache.get("a"))).toBeInstanceOf(CacheUnavailableError);
    expect(performance.now() - sinceMs).toBeLessThan(250);
    await server.start();
    await until(async () => (await failure(cache.set("a", "1"))) === undefined);
    const after = await cache.mgetPrimary(["a"]);
    expect(after.values).toEqual(["1"]);
    expect(after.runId).not.toBe(before.runId);
  });

  test("calls that were under way when the connection broke reject; none is sent twice", async () => {
    await using server = await startRedisServer();
    await using cache = await connect([server.node]);
    process.kill(server.pid, "SIGSTOP");
    const calls = Promise.all(Array.from({ length: 10 }, () => failure(cache.incr("n"))));
    await Bun.sleep(20);
    await server.kill();
    for (const error of await calls) expect(error).toBeInstanceOf(CacheUnavailableError);
    await server.start();
    await until(async () => (await failure(cache.ping())) === undefined);
    expect(await cache.get("n")).toBeUndefined();
  });

  test("silent: one timeout, then calls reject at once until it answers again", async () => {
    await using server = await startRedisServer();
    await using cache = await connect([server.node], { timeout: 200 });
    await cache.set("a", "1");
    process.kill(server.pid, "SIGSTOP");
    const sinceMs = performance.now();
    expect(await failure(cache.get("a"))).toBeInstanceOf(CacheUnavailableError);
    expect(performance.now() - sinceMs).toBeWithin(150, 1000);
    const nextMs = performance.now();
    for (let at = 0; at < 50; at += 1) expect(await failure(cache.get("a"))).toBeInstanceOf(CacheUnavailableError);
    expect(performance.now() - nextMs).toBeLessThan(150);
    process.kill(server.pid, "SIGCONT");
    await until(async () => (await cache.get("a")) === "1");
  });

  test("a process that was busy itself does not take its own delay for the server's", async () => {
    await using server = await startRedisServer();
    await using cache = await connect([server.node], { timeout: 100 });
    await cache.set("a", "1");
    const answer = cache.get("a");
    await new Promise(setImmediate);
    Bun.sleepSync(300);
    expect(await answer).toBe("1");
  });

  test("50 §5: FLUSHALL changes the run id, the same for all clients, also when no keys are asked for", async () => {
    await using server = await startRedisServer();
    await using one = await connect([server.node]);
    await using two = await connect([server.node]);
    const before = (await one.mgetPrimary([])).runId;
    expect((await two.mgetPrimary([])).runId).toBe(before);
    await server.ask("flushall");
    const after = (await two.mgetPrimary([])).runId;
    expect(after).not.toBe(before);
    expect((await one.mgetPrimary(["a"])).runId).toBe(after);
  });

  test("50 §5: a restart from a snapshot changes the run id: what came after the snapshot is gone", async () => {
    await using server = await startRedisServer();
    await using cache = await connect([server.node]);
    await cache.set("a", "old");
    const before = (await cache.mgetPrimary([])).runId;
    await server.ask("save");
    await cache.set("a", "new");
    await server.kill();
    await server.start();
    await until(async () => (await failure(cache.ping())) === undefined);
    const after = await cache.mgetPrimary(["a"]);
    expect(after.values).toEqual(["old"]);
    expect(after.runId).not.toBe(before);
  });

  test("50 §5: a server that became a replica answers no routes", async () => {
    await using server = await startRedisServer();
    await using primary = await startRedisServer();
    await using cache = await connect([server.node]);
    await cache.mgetPrimary([]);
    await server.ask("replicaof", "127.0.0.1", String(primary.port));
    expect(await failure(cache.mgetPrimary([]))).toBeInstanceOf(CacheUnavailableError);
  });

  test("a server that forgot its scripts is told them again", async () => {
    const echo: Script = { name: "echo", lua: "return ARGV[1]", local: (_store, _keys, [text]) => text };
    await using server = await startRedisServer();
    await using cache = await connect([server.node]);
    expect(await cache.eval(echo, [], ["a"])).toBe("a");
    await server.ask("script", "flush");
    expect(await Promise.all([cache.eval(echo, [], ["b"]), cache.eval(echo, [], ["c"])])).toEqual(["b", "c"]);
  });

  test("absent at start: the wait has a bound and says where; a server that comes in time is taken", async () => {
    await using server = await startRedisServer();
    await server.kill();
    const error = await failure(connect([server.node], { startWait: 300 }));
    expect(error).toBeInstanceOf(CacheUnavailableError);
    expect(String(error)).toContain(server.node);
    const waiting = connect([server.node]);
    await Bun.sleep(300);
    await server.start();
    await (await waiting)[Symbol.asyncDispose]();
  });

  test("a wrong password is said where the wait ends", async () => {
    await using server = await startRedisServer();
    await server.ask("config", "set", "requirepass", "right");
    const error = await failure(connect([server.node], { startWait: 500, password: "wrong" }));
    expect(String(error)).toContain("WRONGPASS");
    expect(String(error)).not.toContain("wrong ");
    await using cache = await connect([server.node], { password: "right" });
    await cache.ping();
  });
});

describe.skipIf(own === undefined)(`redis of several servers${skipped(own)}`, () => {
  test("sentinel: after a failover calls go to the new primary, under another run id", async () => {
    await using primary = await startRedisServer();
    await using replica = await startRedisServer(["--replicaof", "127.0.0.1", String(primary.port)]);
    await until(async () => String(await replica.ask("info", "replication")).includes("master_link_status:up"));
    const conf = `sentinel monitor mymaster 127.0.0.1 ${primary.port} 1\nsentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 2000\n`;
    await using sentinel = await startRedisServer([], conf);
    await until(async () =>
      JSON.stringify(await sentinel.ask("sentinel", "replicas", "mymaster")).includes(String(replica.port)),
    );
    await using cache = await connect([sentinel.node], { mode: "sentinel" });
    await cache.set("a", "1");
    const before = (await cache.mgetPrimary(["a"])).runId;
    await until(async () => (await replica.ask("get", "live:a")) === "1");
    await primary.kill();
    await until(async () => (await failure(cache.set("b", "2"))) === undefined);
    const after = await cache.mgetPrimary(["a", "b"]);
    expect(after.values).toEqual(["1", "2"]);
    expect(after.runId).not.toBe(before);
  }, 40_000);

  cacheConformance("redis cluster", async () => {
    const nodes = await startCluster();
    const addresses = nodes.map((node) => node.node);
    const [cache, other] = await Promise.all([
      connect(addresses, { mode: "cluster" }),
      connect(addresses.slice(0, 1), { mode: "cluster" }),
    ]);
    return {
      cache,
      other,
      advance: (ms) => Bun.sleep(ms + 1),
      async dispose() {
        await Promise.all([cache[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
        await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
      },
    };
  });

  test("cluster, 50 §5: one wiped or restarted node changes the run id; a node that is away fails only its keys", async () => {
    await using stack = new AsyncDisposableStack();
    const nodes = await startCluster();
    for (const node of nodes) stack.use(node);
    const [first, second] = nodes;
    if (first === undefined || second === undefined) throw new Error("no nodes");
    await using cache = await connect([first.node], { mode: "cluster", timeout: 300 });
    const keys = Array.from({ length: 50 }, (_, at) => `k${at}`);
    await Promise.all(keys.map((key) => cache.set(key, key)));
    const before = await cache.mgetPrimary(keys);
    expect(before.values).toEqual(keys);
    await second.ask("flushall");
    const wiped = await cache.mgetPrimary(keys);
    expect(wiped.runId).not.toBe(before.runId);
    expect(wiped.values.filter((value) => value === undefined).length).toBeWithin(1, 50);
    await second.kill();
    expect(await failure(cache.mgetPrimary(keys))).toBeInstanceOf(CacheUnavailableError);
    const failures = await Promise.all(keys.map((key) => failure(cache.get(key))));
    expect(failures.filter((error) => error === undefined).length).toBeWithin(20, 50);
    expect(failures.every((error) => error === undefined || error instanceof CacheUnavailableError)).toBe(true);
  }, 40_000);
});

/** Three primaries that share the slots. */
async function startCluster(): Promise<RedisProcess[]> {
  const nodes = await Promise.all(
    [0, 1, 2].map(() =>
      startRedisServer([
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "2000",
        "--cluster-require-full-coverage",
        "no",
      ]),
    ),
  );
  const bounds = [0, 5461, 10_923, 16_384];
  for (const [at, node] of nodes.entries()) {
    await node.ask("cluster", "addslotsrange", String(bounds[at]), String((bounds[at + 1] ?? 0) - 1));
    await node.ask("cluster", "set-config-epoch", String(at + 1));
    await nodes[0]?.ask("cluster", "meet", "127.0.0.1", String(node.port));
  }
  for (const node of nodes)
    await until(async () => {
      const info = String(await node.ask("cluster", "info"));
      return info.includes("cluster_state:ok") && info.includes("cluster_slots_assigned:16384");
    });
  return nodes;
}
