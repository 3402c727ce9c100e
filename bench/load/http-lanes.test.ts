import { expect, test } from "bun:test";
import { openLane } from "./http-lanes.ts";

test("one request after the other on one connection: status and all bytes, in however many pieces they come", async () => {
  const body = "x".repeat(300_000);
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) =>
      new Response(url.endsWith("/long") ? body : "no", { status: url.endsWith("/long") ? 200 : 404 }),
  });
  const lane = await openLane("127.0.0.1", server.port ?? 0);
  const ask = (path: string) => lane.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const { status, bytes } = await ask("/long");
  expect([status, bytes > body.length, bytes < body.length + 1000]).toEqual([200, true, true]);
  expect((await ask("/short")).status).toBe(404);
  expect((await ask("/long")).bytes).toBe(bytes);
  lane.close();
});

test("a lost connection fails the request", async () => {
  const listener = Bun.listen({
    port: 0,
    hostname: "127.0.0.1",
    socket: { data: (socket) => void socket.end() },
  });
  const lane = await openLane("127.0.0.1", listener.port);
  const outcome = await lane.send("GET / HTTP/1.1\r\n\r\n").catch((error: unknown) => String(error));
  expect(outcome).toContain("closed the connection");
  listener.stop(true);
});
