import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createApi, newAccount } from "../support/api.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { type Load, seeded, startLoad } from "../support/load.ts";
import { needsServers, noServers, openServers, type Servers } from "../support/servers.ts";
import { openSocket, until } from "../support/socket.ts";
import { expectKept } from "../support/verdict.ts";

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
/** How long a server is away, ms. */
const awayMs = Number(process.env.CHAOS_AWAY_MS ?? 8000);
/** What a lease lasts; ids stop after 20 s without a confirmation. */
const leaseMs = 31_000;
const longMs = 180_000;

let servers: Servers;
let cluster: Cluster;
let load: Load;

beforeAll(async () => {
  if (noServers) return;
  console.log(`CHAOS_SEED=${seed} repeats this run`);
  servers = openServers();
  cluster = await startCluster(servers.addresses);
}, 120_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const losses = (): number => load.talkers.reduce((all, talker) => all + talker.losses, 0);

async function underLoad(turn: number, body: () => Promise<void>): Promise<void> {
  load = await startLoad(cluster.urls, seeded(seed + turn));
  using _ = load;
  await load.flows(60);
  await body();
  await load.flows(60);
  await expectKept(load);
}

/** Answers while `name` is away; starts it whatever `body` does. */
async function without(name: "redis" | "kafka" | "mysql" | "etcd", body: () => Promise<void>): Promise<void> {
  await servers.stop(name);
  try {
    await body();
  } finally {
    await servers.start(name);
  }
}

describe.skipIf(noServers)(`servers that vanish under load (DESIGN §7)${needsServers}`, () => {
  test(
    "Redis wiped: sends are stored and acked all the while, every device has every message",
    async () => {
      await underLoad(0, async () => {
        for (let n = 0; n < 3; n += 1) {
          await wipe(servers.addresses.GOCHAT_TEST_REDIS ?? "");
          await load.flows(60, 10_000);
        }
      });
    },
    longMs,
  );

  test(
    "Redis away: sends are stored and acked all the while, reads come from the database",
    async () => {
      await underLoad(1, async () => {
        await without("redis", async () => {
          const until = Date.now() + awayMs;
          while (Date.now() < until) await load.flows(20, 10_000);
          await expectReads();
        });
      });
    },
    longMs,
  );

  test(
    "Kafka away: SERVICE_UNAVAILABLE at the entrance, sockets stay, reads work; then everything flows",
    async () => {
      const url = cluster.urls[0] ?? "";
      const eve = await newAccount(createApi(url), "eve");
      await using socket = await openSocket(url, eve.accessToken);
      await underLoad(2, async () => {
        await without("kafka", async () => {
          const refused = () =>
            socket.frames.some(({ type, data }) => type === "error" && data.code === "SERVICE_UNAVAILABLE");
          let n = 0;
          await until(
            "a send is refused",
            async () => {
              n += 1;
              const data = { conversationId: "world", content: "?", messageType: 1, client_msg_id: `refused-${n}` };
              socket.send("send-message", data);
              await Bun.sleep(500);
              return refused();
            },
            30_000,
          );
          await expectReads();
          await Bun.sleep(2000);
          expect(losses()).toBe(0);
          expect(socket.socket.readyState).toBe(WebSocket.OPEN);
        });
      });
    },
    longMs,
  );

  test(
    "MySQL away: nothing is answered `failed`, everything is stored once when it is back",
    async () => {
      await underLoad(3, () => without("mysql", () => Bun.sleep(awayMs)));
      expect(losses()).toBe(0);
    },
    longMs,
  );

  test(
    "etcd away: chat goes on; without a confirmed lease no new messages, but sockets and reads stay; regained: resync to all",
    async () => {
      const eve = await newAccount(createApi(cluster.urls[0] ?? ""), "eve");
      const sockets = await Promise.all(cluster.urls.map((url) => openSocket(url, eve.accessToken)));
      await underLoad(4, async () => {
        await without("etcd", async () => {
          await load.flows(60, 10_000);
          await Bun.sleep(leaseMs);
          await expectReads();
          expect(losses()).toBe(0);
        });
        await Promise.all(sockets.map((socket) => socket.next("resync")));
        expect(losses()).toBe(0);
      });
      for (const socket of sockets) socket.socket.close();
    },
    longMs,
  );
});

/** History and profile of somebody who is signed in. */
async function expectReads(): Promise<void> {
  const api = createApi(cluster.urls.at(-1) ?? "");
  const { person } = load;
  for (const path of ["/conversations/world/messages?limit=5", "/conversations", "/users/profile"]) {
    const { status, code } = await api.call("GET", path, undefined, person.accessToken);
    expect({ path, status, code }).toMatchObject({ path, status: 200 });
  }
}

async function wipe(node: string): Promise<void> {
  const redis = new Bun.RedisClient(`redis://${node}`);
  await redis.send("FLUSHALL", []);
  redis.close();
}
