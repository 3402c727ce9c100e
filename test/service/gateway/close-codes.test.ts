import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { CLOSE } from "../../../proto/frames.ts";
import { type Account, newGuest } from "../../support/api.ts";
import { openSocket, until } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

/* Closes that no client library brings about: broken frames, and a peer that reads nothing (spec 20 §8). */

let town: Town;
let ann: Account;
beforeAll(async () => {
  town = await openTown((config) => ({
    ...config,
    ws: { ...config.ws, queueBytesMax: 32 * 1024 * 1024 },
    world: { ...config.world, maxPushPerSecond: 100_000 },
  }));
  ann = await newGuest(town.api);
});
afterAll(() => town?.[Symbol.asyncDispose]());

/** Shakes hands by hand and reads until `connected`; what comes then is in `came`. */
async function rawSocket(token: string): Promise<{ readonly socket: Socket; readonly came: () => Buffer }> {
  const { hostname, port } = new URL(town.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  const lines = [
    "GET /ws HTTP/1.1",
    ...[`Host: ${hostname}`, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
    ...["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", `Authorization: Bearer ${token}`, "", ""],
  ];
  socket.write(lines.join("\r\n"));
  let bytes = Buffer.alloc(0);
  socket.on("data", (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
  });
  await until("connected", () => bytes.includes('"connected"'));
  bytes = Buffer.alloc(0);
  return { socket, came: () => bytes };
}

/** A masked frame; `first` has FIN, the reserved bits and the opcode. */
function frame(first: number, payload: readonly number[]): Buffer {
  const mask = [1, 2, 3, 4];
  return Buffer.from([first, 0x80 | payload.length, ...mask, ...payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

test.each([
  ["bad UTF-8", CLOSE.badUtf8, frame(0x81, [0xff, 0xfe])],
  ["a reserved bit", CLOSE.protocolError, frame(0xf1, [0x41])],
  ["an unknown opcode", CLOSE.protocolError, frame(0x83, [0x41])],
  ["a frame without a mask", CLOSE.protocolError, Buffer.from([0x81, 1, 0x41])],
  ["a control frame that is too long", CLOSE.protocolError, Buffer.from([0x89, 0xfe, 0, 200, 1, 2, 3, 4])],
  ["a close without a whole code", CLOSE.protocolError, frame(0x88, [3])],
])("20 §8: %s closes with %d", async (_, code, bytes) => {
  const { socket, came } = await rawSocket(ann.accessToken);
  socket.write(bytes);
  await until("the close", () => came().length >= 4);
  expect([came()[0], came().readUInt16BE(2)]).toEqual([0x88, code]);
  socket.destroy();
});

async function metric(name: string): Promise<number> {
  const line = (await town.metrics.render()).split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

test("20 §8: what waits for longer than 10 s closes the socket with 4009", async () => {
  const [slow, ben] = [await newGuest(town.api), await newGuest(town.api)];
  await using sender = await openSocket(town.url, ben.accessToken);
  const { socket } = await rawSocket(slow.accessToken);
  socket.removeAllListeners("data");
  socket.pause();
  // The kernel takes some megabytes before anything waits in the server, and may take a little more later.
  const data = { conversationId: "world", content: "世".repeat(5000), messageType: 1 };
  for (let n = 50; (await metric("gochat_ws_queue_bytes")) < 1_000_000; n += 50) {
    for (let at = n - 49; at <= n; at += 1) sender.send("send-message", { ...data, client_msg_id: `m${at}` });
    // The sender reads: what waits then, waits for the other.
    await sender.next("new-message", (frame) => frame.data.clientMsgId === `m${n}`);
  }
  const closed = `gochat_ws_close_total{code="${CLOSE.slowConsumer}"}`;
  expect(await metric(closed)).toBe(0);
  // Each socket is looked at every 30 s, one that was seen blocked ten seconds later once more.
  const looked = new Promise((resolve) => sender.socket.on("ping", resolve));
  town.advance(31_000);
  await looked;
  town.advance(11_000);
  await until("closed", async () => (await metric(closed)) === 1);
  await until("and gone", async () => (await metric("gochat_ws_connections")) === 1);
  socket.destroy();
}, 30_000);
