import { expect, test } from "bun:test";
import { channelPair } from "../bridge/channel.ts";
import { createPeer } from "../bridge/peer.ts";
import { silentLogger } from "../clog/clog.ts";
import { createBridgeCoord } from "./bridge.ts";
import { serveCoord } from "./bridge-host.ts";
import { coordConformance } from "./conformance.ts";
import { CoordUnavailableError } from "./coord.ts";
import { createLocalCoord, createLocalRealm, type LocalCoord, type LocalRealm } from "./local.ts";

function connect(realm: LocalRealm) {
  const local = createLocalCoord({ realm });
  const line = channelPair();
  serveCoord(createPeer(line.far), local);
  return { coord: createBridgeCoord(createPeer(line.near), { clog: silentLogger }), local, line };
}

coordConformance("bridge", async () => {
  const realm = createLocalRealm();
  const locals = new Map<unknown, LocalCoord>();
  return {
    async connect() {
      const { coord, local } = connect(realm);
      locals.set(coord, local);
      return coord;
    },
    lapse: async (coord, meanwhile) => locals.get(coord)?.lapse(meanwhile),
    dispose: async () => {},
  };
});

test("a process that ends gives everything back at once: its number, its registration, its locks and its waiting", async () => {
  const realm = createLocalRealm();
  const { coord, line } = connect(realm);
  const other = createLocalCoord({ realm });
  const range = { min: 1, max: 1 };
  const lease = await coord.claimNumber("pool", range);
  const instance = { name: "gateway", id: "gateway-1", address: "127.0.0.1", port: 1, metadata: {} };
  const registration = await coord.register(instance);
  await coord.tryAcquire("lock", { ttlMs: 1000 });
  line.close();
  expect([lease.lost.aborted, registration.lost.aborted]).toEqual([true, true]);
  expect(lease.lastConfirmedMs()).toBe(Number.NEGATIVE_INFINITY);
  await Bun.sleep(0);
  expect((await other.claimNumber("pool", range)).number).toBe(1);
  expect(await other.discover("gateway")).toEqual([]);
  expect(await other.tryAcquire("lock", { ttlMs: 1000 })).toBeDefined();
  expect(await coord.discover("gateway").catch((error: unknown) => error)).toBeInstanceOf(CoordUnavailableError);
});
