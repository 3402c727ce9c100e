import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { createApi, newAccount } from "../support/api.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { seeded, startLoad } from "../support/load.ts";
import { needsServers, noServers, openServers } from "../support/servers.ts";
import { openSocket, until } from "../support/socket.ts";
import { expectKept } from "../support/verdict.ts";

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

let cluster: Cluster;
beforeAll(async () => {
  if (noServers) return;
  console.log(`CHAOS_SEED=${seed} repeats this run`);
  // Presence looks often, so that a test need not wait for minutes.
  const settings = { "presence.heartbeat": "2s", "presence.sweep_every": "1s", "presence.silent_for": "10s" };
  cluster = await startCluster(openServers().addresses, { logics: 2, settings });
}, 120_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

describe.skipIf(noServers)(`G1, G2, G3: kill -9 under load over two gateways${needsServers}`, () => {
  for (const [turn, victim] of ["logic", "repo", "task", "gateway-2"].entries())
    test(`of ${victim}: every acked message is there once, in order, on every device`, async () => {
      const random = seeded(seed + turn);
      using load = await startLoad(cluster.urls, random);
      for (let round = 0; round < 2; round += 1) {
        await load.flows(60);
        await Bun.sleep(random() * 300);
        await cluster.member(victim).kill();
        await Bun.sleep(random() * 1500);
        await cluster.member(victim).start();
      }
      await load.flows(60);
      await expectKept(load);
    }, 180_000);

  test("of a gateway that stays away: its users are offline when its lease has ended, others are not", async () => {
    const [first = "", last = ""] = cluster.urls;
    const api = createApi(first);
    const [ann, ben] = [await newAccount(api, "ann"), await newAccount(api, "ben")];
    await using _a = await openSocket(first, ann.accessToken);
    const b = await openSocket(last, ben.accessToken);
    const { repoUrl, serviceToken } = cluster.rpc;
    const transport = createConnectTransport({ baseUrl: repoUrl, useBinaryFormat: true });
    const headers = { "x-service-name": "test", "x-service-token": serviceToken };
    const online = async (): Promise<boolean[]> => {
      const request = { userIds: [ann.userId, ben.userId] };
      const { statuses } = await createClient(OnlineStatusService, transport).getUsersOnlineStatus(request, {
        headers,
      });
      return statuses.map(({ isOnline }) => isOnline);
    };
    expect(await online()).toEqual([true, true]);
    await cluster.member("gateway-2").kill();
    await b.closed;
    // The lease lasts 30 s; presence alone would show them for five minutes.
    await until("ben is offline", async () => (await online())[1] === false, 50_000);
    expect(await online()).toEqual([true, false]);
    const metrics = await (await fetch(`${cluster.member("task").adminUrl}/metrics`)).text();
    expect(Number(/^gochat_presence_swept_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
    await cluster.member("gateway-2").start();
  }, 180_000);

  test("of logic standing still (SIGSTOP) until another has taken over, and going on then", async () => {
    using load = await startLoad(cluster.urls, seeded(seed));
    await load.flows(60);
    cluster.member("logic").pause();
    // Longer than the session of a consumer: Kafka gives the partitions away.
    await Bun.sleep(9000);
    cluster.member("logic").resume();
    await load.flows(60);
    await expectKept(load);
  }, 180_000);
});
