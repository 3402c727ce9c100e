import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connectEtcd } from "../../infra/coord/etcd.ts";
import { etcdConfig } from "../../infra/coord/etcd-testing.ts";
import { createApi, newAccount } from "../support/api.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { seeded, startLoad } from "../support/load.ts";
import { needsServers, noServers, openServers } from "../support/servers.ts";
import { failure, openSocket, until } from "../support/socket.ts";
import { expectKept } from "../support/verdict.ts";

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

let cluster: Cluster;
beforeAll(async () => {
  if (noServers) return;
  console.log(`CHAOS_SEED=${seed} repeats this run`);
  cluster = await startCluster(openServers().addresses);
}, 120_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

describe.skipIf(noServers)(`start and stop on real servers${needsServers}`, () => {
  test("SIGTERM under load: every process in turn exits with 0 and nothing is lost", async () => {
    using load = await startLoad(cluster.urls, seeded(seed));
    for (const member of cluster.members) {
      await load.flows(30);
      expect([member.name, await member.stop()]).toEqual([member.name, 0]);
      await member.start();
    }
    await load.flows(30);
    await expectKept(load);
  }, 180_000);

  test("50 §8: a gateway whose id is registered under another incarnation closes its sockets with 1001 and exits with 69", async () => {
    const [first = "", last = ""] = cluster.urls;
    const gateway = cluster.member("gateway-1");
    const eve = await newAccount(createApi(last), "eve");
    const socket = await openSocket(first, eve.accessToken);
    await using other = await openSocket(last, eve.accessToken);
    const endpoint = openServers().addresses.GOCHAT_TEST_ETCD ?? "";
    await using coord = await connectEtcd(etcdConfig([endpoint], { prefix: cluster.coordPrefix }));
    const id = String(socket.frames[0]?.data.gatewayId);
    const metadata = { incarnation: Bun.randomUUIDv7() };
    await coord.register({ name: "gateway", id, address: "127.0.0.1", port: 1, metadata });
    expect(await socket.closed).toBe(1001);
    await until("the process is gone", () => !gateway.running);
    expect(await gateway.stop()).toBe(69);
    await gateway.start();
    other.send("ping");
    await other.next("pong");
  }, 60_000);
});

describe.skipIf(noServers)(`a server that is absent at start${needsServers}`, () => {
  const nowhere = "127.0.0.1:1";
  const absent: readonly { says: string; settings: Readonly<Record<string, string>> }[] = [
    { says: `Redis at ${nowhere}`, settings: { "cache.nodes": nowhere, "cache.start_wait": "1s" } },
    { says: `etcd at http://${nowhere}`, settings: { "coord.endpoints": nowhere, "coord.start_wait": "1s" } },
    { says: `Kafka at ${nowhere}`, settings: { "mq.kafka.brokers": nowhere, "mq.start_wait": "1s" } },
    {
      says: `the database mysql://${nowhere}/gochat`,
      settings: { "db.dsn": `mysql://gochat@${nowhere}/gochat`, "db.start_wait": "1s" },
    },
  ];
  for (const { says, settings } of absent)
    test(`${says}: the start waits, says for which and where, and gives up with exit code 69`, async () => {
      const said = await failure(startCluster(openServers().addresses, { settings }));
      expect(said).toContain("(exit code 69)");
      expect(said.toLowerCase()).toContain(`waiting for ${says.toLowerCase()}`);
    }, 60_000);
});
