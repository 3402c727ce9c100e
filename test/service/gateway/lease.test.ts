import { afterEach, beforeEach, expect, test } from "bun:test";
import { newAccount, newGuest } from "../../support/api.ts";
import { openSocket, until } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
beforeEach(async () => {
  town = await openTown((config) => ({ ...config, ws: { ...config.ws, resyncSpread: 500 } }));
});
afterEach(() => town[Symbol.asyncDispose]());

const instance = async () => (await town.coord.discover("gateway"))[0];

test("50 §8: a lease lost and regained under one incarnation: registered again, heartbeat at once, resync to all, spread", async () => {
  const people = await Promise.all(Array.from({ length: 20 }, () => newGuest(town.api)));
  const sockets = await Promise.all(people.map((one) => openSocket(town.url, one.accessToken)));
  const before = await instance();
  const [ann] = people;
  const status = async () => (await town.onlineStatus.getUserOnlineStatus({ userId: ann?.userId ?? "" })).status;
  const [row] = (await status())?.sessions ?? [];
  await town.coord.lapse(async () => {
    expect(await town.coord.discover("gateway")).toEqual([]);
    // Others took the gateway for dead.
    const { gatewayId = "", incarnation = "", sessionId = "" } = row ?? {};
    await town.onlineStatus.setUserOffline({ userId: ann?.userId ?? "", gatewayId, incarnation, sessionId });
    sockets[1]?.send("ping");
    await sockets[1]?.next("pong");
  });
  expect(await instance()).toEqual(before);
  const resynced = () => sockets.filter(({ frames }) => frames.some(({ type }) => type === "resync")).length;
  await until("presence has the session again", async () => (await status())?.isOnline === true);
  expect(resynced()).toBeLessThan(sockets.length);
  await until("all are told to sync", () => resynced() === sockets.length);
  expect(sockets.flatMap(({ frames }) => frames.filter(({ type }) => type === "resync")).at(-1)?.data).toEqual({});
  expect(town.gateway.replaced.aborted).toBe(false);
  for (const socket of sockets) socket.socket.terminate();
});

test("50 §8: an id that is registered under another incarnation: sockets are closed with 1001, the process is to end", async () => {
  const ann = await newAccount(town.api);
  const socket = await openSocket(town.url, ann.accessToken);
  const other = await instance();
  if (other === undefined) throw new Error("not registered");
  await town.coord.register({ ...other, metadata: { ...other.metadata, incarnation: Bun.randomUUIDv7() } });
  expect(await socket.closed).toBe(1001);
  expect(town.gateway.replaced.aborted).toBe(true);
});

test("50 §8: an id that another took while the lease was away: the same", async () => {
  const ann = await newAccount(town.api);
  const socket = await openSocket(town.url, ann.accessToken);
  const other = await instance();
  if (other === undefined) throw new Error("not registered");
  await town.coord.lapse(async () => {
    await town.coord.register({ ...other, metadata: { incarnation: Bun.randomUUIDv7() } });
  });
  expect(await socket.closed).toBe(1001);
  expect(town.gateway.replaced.aborted).toBe(true);
  expect(socket.frames.some(({ type }) => type === "resync")).toBe(false);
});
