import { describe, expect, test } from "bun:test";
import { createIds, LeaseStaleError } from "../uid/uid.ts";
import type { CoordConfig } from "./config.ts";
import { coordConformance } from "./conformance.ts";
import { type Coord, CoordUnavailableError, type ServiceInstance, workerPool } from "./coord.ts";
import { connectEtcd } from "./etcd.ts";
import { etcdConfig, etcdKv, findEtcd, type Gate, openGate, startEtcd, until } from "./etcd-testing.ts";

const shared = process.env.GOCHAT_TEST_ETCD;
/** Servers that a test may stop are its own. */
const own = shared === undefined ? undefined : findEtcd(process.env.INFRA_DIR ?? ".run");
const skipped = (what: string | undefined): string =>
  what === undefined ? " (skipped: needs GOCHAT_TEST_ETCD=host:port and etcd)" : "";
const connect = (endpoint: string, change?: Partial<CoordConfig>): Promise<Coord> =>
  connectEtcd(etcdConfig([endpoint], change));
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const instanceOf = (id: string, port = 1): ServiceInstance => ({ name: "s", id, address: "a", port, metadata: {} });
const freshPrefix = (): string => `/live-${crypto.randomUUID()}`;

describe.skipIf(shared === undefined)(`etcd${skipped(shared)}`, () => {
  const endpoint = shared ?? "";
  const kv = etcdKv(endpoint);

  coordConformance("etcd", async () => {
    const prefix = freshPrefix();
    const gates = new Map<Coord, Gate>();
    return {
      async connect() {
        const gate = openGate(endpoint);
        const coord = await connect(gate.endpoint, { prefix });
        gates.set(coord, gate);
        return coord;
      },
      async lapse(coord, meanwhile) {
        const gate = gates.get(coord);
        await gate?.cut();
        await Promise.all((gate?.leases ?? []).map((lease) => kv.revoke(lease)));
        await meanwhile?.();
        gate?.open();
      },
      async dispose() {
        for (const gate of gates.values()) await gate.cut();
        for (const one of (await kv.list({ key: prefix, prefix: true })).all) await kv.delete(one.key);
      },
    };
  });

  test("a watch that was cut off over a compaction gets the latest value", async () => {
    const prefix = freshPrefix();
    const gate = openGate(endpoint);
    await using writer = await connect(endpoint, { prefix });
    await using reader = await connect(gate.endpoint, { prefix });
    const seen: string[] = [];
    await writer.settings.set("/a", "0");
    await reader.settings.watchPrefix("/", (all) => seen.push(all.map((one) => one.value).join()));
    await gate.cut();
    for (let at = 1; at <= 20; at += 1) await writer.settings.set("/a", String(at));
    await writer.settings.set("/b", "x");
    await kv.http.call("/v3/kv/compaction", { revision: String((await kv.list({ key: "/", prefix: true })).revision) });
    expect(seen).toEqual(["0"]);
    gate.open();
    await until(() => seen.at(-1) === "20,x");
    expect(seen).toHaveLength(2);
    await writer.settings.delete("/a");
    await until(() => seen.at(-1) === "x");
    await writer.settings.delete("/b");
    await reader[Symbol.asyncDispose]();
    await gate.cut();
  });

  test("a process that is cut off keeps the instances it knew; new leases fail", async () => {
    const prefix = freshPrefix();
    const gate = openGate(endpoint);
    await using other = await connect(endpoint, { prefix });
    await using coord = await connect(gate.endpoint, { prefix });
    await other.register(instanceOf("x"));
    expect(await coord.discover("s")).toHaveLength(1);
    await gate.cut();
    expect(await coord.discover("s")).toEqual([instanceOf("x")]);
    expect(await failure(coord.discover("never-asked"))).toBeInstanceOf(CoordUnavailableError);
    expect(await failure(coord.claimNumber("n", { min: 1, max: 2 }))).toBeInstanceOf(CoordUnavailableError);
    expect(await failure(coord.tryAcquire("l", { ttlMs: 5000 }))).toBeInstanceOf(CoordUnavailableError);
    expect(await failure(coord.settings.set("/k", "v"))).toBeInstanceOf(CoordUnavailableError);
    gate.open();
    await other.register(instanceOf("y"));
    expect(await coord.discover("s")).toHaveLength(2);
    await coord[Symbol.asyncDispose]();
    await gate.cut();
  });

  test("40 §1: processes that compete for numbers get the lowest ones, none twice", async () => {
    const prefix = freshPrefix();
    const rivals = [1, 2, 3].map(() => rival("claim", endpoint, prefix, "8"));
    const numbers = (await Promise.all(rivals.map((one) => one.line()))).flatMap((line): number[] => JSON.parse(line));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, at) => at + 1));
    await Promise.all(rivals.map((one) => one.leave()));
    expect((await kv.list({ key: prefix, prefix: true })).all).toEqual([]);
  }, 20_000);

  test("a lock whose process was killed goes on to the next after its time", async () => {
    const prefix = freshPrefix();
    await using coord = await connect(endpoint, { prefix });
    const holder = rival("lock", endpoint, prefix, "leader", "2000");
    expect(await holder.line()).toBe("locked");
    expect(await coord.tryAcquire("leader", { ttlMs: 2000 })).toBeUndefined();
    const sinceMs = Date.now();
    holder.kill();
    await coord.acquire("leader", { ttlMs: 2000, signal: AbortSignal.timeout(15_000) });
    expect(Date.now() - sinceMs).toBeWithin(200, 10_000);
  }, 20_000);
});

describe.skipIf(own === undefined)(`an etcd that fails${skipped(own)}`, () => {
  test("killed and started again: watches, instances, numbers and locks go on; nothing is lost", async () => {
    await using server = await startEtcd(own ?? "");
    await using coord = await connect(server.endpoint);
    const registration = await coord.register(instanceOf("x"));
    const worker = await coord.claimNumber(workerPool, { min: 1, max: 1023 });
    const lock = await coord.tryAcquire("l", { ttlMs: 15_000 });
    const seen: string[] = [];
    await coord.settings.watchPrefix("/config/", (all) => seen.push(all.map((one) => one.value).join()));
    await server.kill();
    expect(await failure(coord.settings.get("/config/a"))).toBeInstanceOf(CoordUnavailableError);
    expect(await failure(coord.discover("s"))).toBeInstanceOf(CoordUnavailableError);
    await Bun.sleep(1500);
    await server.start();
    await coord.settings.set("/config/a", "1");
    await until(() => seen.at(-1) === "1");
    expect(await coord.discover("s")).toEqual([instanceOf("x")]);
    const backMs = Date.now();
    await until(() => worker.lastConfirmedMs() >= backMs);
    expect([registration.lost.aborted, worker.lost.aborted, lock?.lost.aborted]).toEqual([false, false, false]);
  }, 40_000);

  test("silent: calls end within their time, a lock is given up when its lease may have lapsed, and ids stop by their age", async () => {
    await using server = await startEtcd(own ?? "");
    await using coord = await connect(server.endpoint, { timeout: 500 });
    let nowMs = Date.now();
    const ids = createIds({
      worker: await coord.claimNumber(workerPool, { min: 1, max: 1023 }),
      clock: () => nowMs,
    });
    const lock = await coord.tryAcquire("l", { ttlMs: 2000 });
    process.kill(server.pid, "SIGSTOP");
    const sinceMs = Date.now();
    expect(await failure(coord.settings.get("/a"))).toBeInstanceOf(CoordUnavailableError);
    expect(Date.now() - sinceMs).toBeLessThan(2500);
    await until(() => lock?.lost.aborted === true);
    expect(Date.now() - sinceMs).toBeLessThan(4000);
    nowMs = Date.now();
    expect(ids.snowflake()).toBeGreaterThan(0n);
    nowMs += 20_000;
    expect(() => ids.snowflake()).toThrow(LeaseStaleError);
    process.kill(server.pid, "SIGCONT");
    await until(async () => (await coord.tryAcquire("l", { ttlMs: 2000 })) !== undefined);
  }, 40_000);

  test("absent at start: the wait has a bound and says where; a server that comes in time is taken", async () => {
    await using server = await startEtcd(own ?? "");
    await server.kill();
    const error = await failure(connect(server.endpoint, { startWait: 300 }));
    expect(error).toBeInstanceOf(CoordUnavailableError);
    expect(String(error)).toContain(server.endpoint);
    const waiting = connect(server.endpoint);
    await server.start();
    await (await waiting)[Symbol.asyncDispose]();
  }, 40_000);

  test("the first endpoint that answers is used", async () => {
    await using server = await startEtcd(own ?? "");
    await using coord = await connectEtcd(etcdConfig(["127.0.0.1:1", server.endpoint]));
    await coord.settings.set("/a", "1");
    await using other = await connectEtcd(etcdConfig([server.endpoint, "127.0.0.1:1"]));
    expect((await other.settings.get("/a"))?.value).toBe("1");
  }, 40_000);

  test("user and password: a wrong one is said; a server that forgot its tokens is shown the password again", async () => {
    await using server = await startEtcd(own ?? "");
    const kv = etcdKv(server.endpoint);
    await kv.http.call("/v3/auth/user/add", { name: "root", password: "right" });
    await kv.http.call("/v3/auth/role/add", { name: "root" });
    await kv.http.call("/v3/auth/user/grant", { user: "root", role: "root" });
    await kv.http.call("/v3/auth/enable", {});
    const wrong = await failure(connect(server.endpoint, { username: "root", password: "wrong!", startWait: 200 }));
    expect(String(wrong)).toContain("authentication failed");
    expect(String(wrong)).not.toContain("wrong!");
    await using coord = await connect(server.endpoint, { username: "root", password: "right" });
    const seen: number[] = [];
    await coord.settings.watchPrefix("/", (all) => seen.push(all.length));
    await coord.settings.set("/a", "1");
    await server.kill();
    await server.start();
    await coord.settings.set("/b", "1");
    await until(() => seen.at(-1) === 2);
  }, 40_000);
});

function rival(...args: string[]) {
  const script = new URL("etcd-rival.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, script, ...args], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  return {
    async line(): Promise<string> {
      let text = "";
      for await (const chunk of child.stdout) {
        text += new TextDecoder().decode(chunk);
        if (text.includes("\n")) break;
      }
      return text.trim();
    },
    async leave(): Promise<void> {
      await child.stdin.end();
      await child.exited;
    },
    kill: () => child.kill("SIGKILL"),
  };
}
