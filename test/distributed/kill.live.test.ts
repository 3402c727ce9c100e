import { afterAll, beforeAll, describe, test } from "bun:test";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { seeded, startLoad } from "../support/load.ts";
import { needsServers, noServers, openServers } from "../support/servers.ts";
import { expectKept } from "../support/verdict.ts";

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);

let cluster: Cluster;
beforeAll(async () => {
  if (noServers) return;
  console.log(`CHAOS_SEED=${seed} repeats this run`);
  cluster = await startCluster(openServers().addresses, { logics: 2 });
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
