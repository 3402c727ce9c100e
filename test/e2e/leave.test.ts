import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { signInGuests } from "../../bench/load/people.ts";
import { startServer } from "../../bench/server-process.ts";
import { until } from "../support/socket.ts";

const count = 2000;
/** A masked close frame with code 1000. */
const closeFrame = Buffer.from([0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2]);

/** A socket that is connected, and counts in `over` when the server has let it go. */
async function connected(url: URL, token: string, over: { ended: number }): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname);
  socket.on("error", () => undefined);
  socket.on("close", () => {
    over.ended += 1;
  });
  const head = ["GET /ws?v=1 HTTP/1.1", `Host: ${url.host}`, "Connection: Upgrade", "Upgrade: websocket"];
  const keys = ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
  socket.write([...head, ...keys, `Authorization: Bearer ${token}`, "", ""].join("\r\n"));
  let seen = "";
  await new Promise<void>((resolve) => {
    socket.on("data", (bytes) => {
      seen = seen.includes('"connected"') ? seen : seen + bytes.toString("latin1");
      if (seen.includes('"connected"')) resolve();
    });
  });
  return socket;
}

test("G8: 2,000 sockets that leave at once are let go in seconds, and a stop after it is short and polite", async () => {
  // Its log is a pipe that nobody reads.
  const server = await startServer({ settings: { "ratelimit.enabled": "false" } });
  await using _ = server;
  const people = await signInGuests(server.url, count);
  const over = { ended: 0 };
  const sockets: Socket[] = [];
  for (let from = 0; from < count; from += 100) {
    const some = people.slice(from, from + 100).map(({ token }) => connected(new URL(server.url), token, over));
    sockets.push(...(await Promise.all(some)));
  }
  for (const socket of sockets) socket.end(closeFrame);
  await until("all are let go", () => over.ended === count, 5000);
  const startMs = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(5000);
}, 60_000);
