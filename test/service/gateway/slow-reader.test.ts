import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { newAccount, newGuest } from "../../support/api.ts";
import { openSocket, until } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
beforeAll(async () => {
  town = await openTown((config) => ({
    ...config,
    ws: { ...config.ws, queueBytesMax: 256 * 1024 },
    world: { ...config.world, maxPushPerSecond: 100_000 },
  }));
});
afterAll(() => town[Symbol.asyncDispose]());

/** A client that reads until `connected` and never again. */
async function stalledReader(url: string, token: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(
    [
      "GET /ws HTTP/1.1",
      ...[`Host: ${hostname}`, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
      ...["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", `Authorization: Bearer ${token}`, "", ""],
    ].join("\r\n"),
  );
  let seen = "";
  await new Promise<void>((resolve) => {
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
      if (seen.includes('"connected"')) resolve();
    });
  });
  socket.removeAllListeners("data");
  socket.pause();
  socket.on("error", () => undefined);
  return socket;
}

async function metric(name: string): Promise<number> {
  const line = (await town.metrics.render()).split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

test("G4: who never reads is closed at its byte bound, the others get everything, and it resumes by seq", async () => {
  const [ann, slow] = [await newAccount(town.api), await newAccount(town.api)];
  await using sender = await openSocket(town.url, ann.accessToken);
  const readers = await Promise.all(
    Array.from({ length: 20 }, async (_, index) =>
      openSocket(town.url, (await newGuest(town.api)).accessToken, { query: { v: String(index % 2) } }),
    ),
  );
  const stalled = await stalledReader(town.url, slow.accessToken);
  const closed = 'gochat_ws_close_total{code="1006"}';
  expect(await metric(closed)).toBe(0);
  // The kernel takes some megabytes before anything waits in the server.
  const count = 1200;
  let worst = 0;
  for (let n = 1; n <= count; n += 1) {
    const data = { conversationId: "world", content: "世".repeat(5000), messageType: 1, client_msg_id: `m${n}` };
    sender.send("send-message", data);
    if (n % 100 !== 0) continue;
    await sender.next("message-ack", (frame) => frame.data.client_msg_id === `m${n}`);
    worst = Math.max(worst, await metric("gochat_ws_queue_bytes"));
  }
  await until("the stalled reader is closed", async () => (await metric(closed)) === 1);
  // One that waits for more than its bound is closed at once, by the server alone.
  expect(worst).toBeLessThan(22 * 256 * 1024);
  for (const { frames } of readers) {
    const seqs = (): number[] =>
      frames.flatMap(({ type, data }) => {
        if (type === "new-message") return [Number(data.seqId)];
        return type === "new-messages" ? (data.messages as { seqId: number }[]).map(({ seqId }) => seqId) : [];
      });
    await until("all rows", () => seqs().length >= count);
    expect(seqs()).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  }
  await until("nothing waits any more", async () => (await metric("gochat_ws_queue_bytes")) === 0);
  await using again = await openSocket(town.url, slow.accessToken);
  again.send("sync", { conversations: [{ id: "world", afterSeq: 0 }], limit: 5 });
  const { data } = await again.next("sync-result");
  expect(data).toMatchObject({
    conversations: [{ completeFrom: 1, completeTo: 5, latestSeqId: count, hasMore: true }],
  });
  stalled.destroy();
  for (const reader of readers) await reader[Symbol.asyncDispose]();
}, 30_000);
