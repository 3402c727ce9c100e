import { afterAll, expect, test } from "bun:test";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Account, createApi, newAccount } from "../support/api.ts";
import { openSocket, type TestSocket } from "../support/socket.ts";

/** Three processes on a busy machine. */
const startMs = 60_000;
const servers: ServerProcess[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}, startMs);

async function twoGateways(policy: string): Promise<string> {
  const settings = { "ratelimit.enabled": "false", "ws.multi_device": policy };
  const server = await startServer({ settings, gateways: 2 });
  servers.push(server);
  return server.url;
}

const gatewayOf = ({ frames }: TestSocket): unknown => frames[0]?.data.gatewayId;

async function lives(socket: TestSocket): Promise<void> {
  socket.send("ping", undefined, "still");
  await socket.next("pong", ({ id }) => id === "still");
}

/** Opens sockets like `before` until one is on the other gateway, as the kernel spreads them; each closes the one before it. */
async function onTheOther(url: string, ann: Account, query: Record<string, string>): Promise<TestSocket> {
  let before = await openSocket(url, ann.accessToken, { query });
  for (let tries = 0; tries < 40; tries += 1) {
    const next = await openSocket(url, ann.accessToken, { query: { ...query, deviceId: `device-${tries}` } });
    expect(await before.closed).toBe(4002);
    if (gatewayOf(next) !== gatewayOf(before)) return next;
    before = next;
  }
  throw new Error("every socket came to one gateway");
}

test(
  "20 §2: under `single` the newest socket of a user closes the one on another gateway with 4002",
  async () => {
    const url = await twoGateways("single");
    const ann = await newAccount(createApi(url));
    await using now = await onTheOther(url, ann, { platform: "web" });
    await lives(now);
    await using phone = await openSocket(url, ann.accessToken, { query: { platform: "ios" } });
    expect(await now.closed).toBe(4002);
    await lives(phone);
  },
  startMs,
);

test(
  "20 §2: under `per-platform` it closes only the one of its platform",
  async () => {
    const url = await twoGateways("per-platform");
    const ann = await newAccount(createApi(url));
    await using phone = await openSocket(url, ann.accessToken, { query: { platform: "ios" } });
    await using web = await onTheOther(url, ann, { platform: "web" });
    await lives(web);
    await lives(phone);
  },
  startMs,
);
