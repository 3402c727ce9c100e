import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chatFlows } from "../support/chat-flows.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { seeded, startLoad } from "../support/load.ts";
import { needsServers, noServers, openServers, type Servers } from "../support/servers.ts";
import { expectKept } from "../support/verdict.ts";

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
/** Longer than the deadline of a commit, ms. */
const awayMs = 6000;

/** MySQL is the database of the other files here. */
for (const db of ["postgres", "mariadb"] as const)
  describe.skipIf(noServers)(`two gateways on ${db}${needsServers}`, () => {
    let servers: Servers;
    let cluster: Cluster;
    beforeAll(async () => {
      if (noServers) return;
      console.log(`CHAOS_SEED=${seed} repeats this run`);
      servers = openServers();
      cluster = await startCluster(servers.addresses, { db });
    }, 120_000);
    afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

    chatFlows(() => {
      const [first = "", last = ""] = cluster.urls;
      return Promise.resolve({ first, last, [Symbol.asyncDispose]: () => Promise.resolve() });
    });

    test("G1, G2, G3: the database away and `kill -9` of repo under load: nothing is `failed`, all is stored once", async () => {
      using load = await startLoad(cluster.urls, seeded(seed));
      await load.flows(40);
      await servers.stop(db);
      try {
        await Bun.sleep(awayMs);
      } finally {
        await servers.start(db);
      }
      await load.flows(40);
      await cluster.member("repo").kill();
      await cluster.member("repo").start();
      await load.flows(40);
      await expectKept(load);
      expect(load.talkers.reduce((all, talker) => all + talker.losses, 0)).toBe(0);
    }, 180_000);
  });
