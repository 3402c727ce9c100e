import { beforeEach, expect, test } from "bun:test";
import { type Arrival, type PresenceStore, presenceTtlMs } from "./presence.ts";

const g1 = { gatewayId: "gateway-1", incarnation: "019a0000-0000-7000-8000-000000000001" };
const g2 = { gatewayId: "gateway-2", incarnation: "019a0000-0000-7000-8000-000000000002" };

/** A session of user 1 that comes; as many as five may be there. */
export function arrival(sessionId: string, change: Partial<Arrival> = {}): Arrival {
  const device = { sid: "sid", deviceId: "", platform: "web", clientInfo: "" };
  return { ...g1, ...device, userId: 1n, sessionId, eviction: "multi", sessionsMax: 5, ...change };
}

/** A store of its own, and what makes it forget everything, as a cache that was restarted. */
export interface TestPresence {
  readonly presence: PresenceStore;
  readonly wipe: () => void;
}

/** The rules of PresenceStore, wherever it lies. `clock`: Unix ms. */
export function presenceSuite(create: (clock: () => number) => TestPresence): void {
  let nowMs = 0;
  let presence: PresenceStore;
  let wipe: () => void;

  beforeEach(() => {
    nowMs = 1_800_000_000_000;
    ({ presence, wipe } = create(() => nowMs));
  });

  async function arrive(...arrivals: Arrival[]) {
    const results = await presence.arrive(arrivals);
    nowMs += 1000;
    return results;
  }
  const places = async (userId = 1n) => (await presence.places([userId])).places.get(userId) ?? [];
  const online = async (userId = 1n) => (await presence.get([userId]))[0]?.sessions.map((one) => one.sessionId) ?? [];

  test("sessions and routes are written in one step", async () => {
    expect(await arrive(arrival("a"))).toMatchObject([{ first: true, evicted: [] }]);
    expect(await arrive(arrival("b"), arrival("c", g2))).toMatchObject([
      { first: false, evicted: [] },
      { first: false, evicted: [] },
    ]);
    expect(await online()).toEqual(["c", "b", "a"]);
    expect(await places()).toEqual([
      { ...g1, sessions: 2 },
      { ...g2, sessions: 1 },
    ]);
  });

  test("registering again is harmless", async () => {
    await arrive(arrival("a"));
    expect(await arrive(arrival("a"))).toMatchObject([{ first: false, evicted: [] }]);
    expect(await places()).toEqual([{ ...g1, sessions: 1 }]);
  });

  test("20 §2 multi: the same device replaces its older session, others coexist", async () => {
    await arrive(arrival("a", { deviceId: "phone" }), arrival("b", { deviceId: "laptop" }), arrival("c"));
    const [result] = await arrive(arrival("d", { ...g2, deviceId: "phone" }));
    expect(result).toMatchObject({ first: false, evicted: [{ sessionId: "a", ...g1 }] });
    expect((await online()).sort()).toEqual(["b", "c", "d"]);
  });

  test("20 §2 multi: past the cap the oldest goes; guests have one", async () => {
    for (const id of ["a", "b", "c", "d", "e"]) await arrive(arrival(id));
    expect((await arrive(arrival("f")))[0]?.evicted.map((one) => one.sessionId)).toEqual(["a"]);
    expect(await online()).toHaveLength(5);
    const guest = { userId: 2n, sessionsMax: 1 };
    await arrive(arrival("x", guest));
    expect((await arrive(arrival("y", guest)))[0]?.evicted.map((one) => one.sessionId)).toEqual(["x"]);
    expect(await online(2n)).toEqual(["y"]);
  });

  test("20 §2 per-platform: one of each", async () => {
    const policy = { eviction: "per-platform" } as const;
    await arrive(arrival("a", { ...policy, platform: "web" }), arrival("b", { ...policy, platform: "ios" }));
    const [result] = await arrive(arrival("c", { ...policy, ...g2, platform: "web" }));
    expect(result?.evicted).toEqual([{ sessionId: "a", ...g1 }]);
    expect(await online()).toEqual(["c", "b"]);
  });

  test("20 §2 single: any session of any gateway is replaced", async () => {
    await arrive(arrival("a"), arrival("b", g2));
    const [result] = await arrive(arrival("c", { eviction: "single", sessionsMax: 1 }));
    expect(result?.evicted.map((one) => one.sessionId).sort()).toEqual(["a", "b"]);
    expect(await places()).toEqual([{ ...g1, sessions: 1 }]);
  });

  test("20 §2: one that registers again is refused where a later connection has its place, whoever comes first", async () => {
    const phone = { deviceId: "phone" };
    const [old] = await arrive(arrival("old", phone));
    const [late] = await arrive(arrival("late", { ...g2, ...phone }));
    // The kick was lost, and a heartbeat finds the older one unknown.
    const [again] = await arrive(arrival("old", { ...phone, connectedAtMs: old?.connectedAtMs }));
    expect(again).toEqual({ first: false, evicted: [], replaced: true, connectedAtMs: old?.connectedAtMs ?? 0 });
    expect(await online()).toEqual(["late"]);
    expect(await places()).toEqual([{ ...g2, sessions: 1 }]);
    // After a wipe the older one is the first to be back, and gives way to the later.
    wipe();
    await arrive(arrival("old", { ...phone, connectedAtMs: old?.connectedAtMs }));
    const [back] = await arrive(arrival("late", { ...g2, ...phone, connectedAtMs: late?.connectedAtMs }));
    expect(back).toMatchObject({ replaced: false, evicted: [{ sessionId: "old" }] });
    expect(await online()).toEqual(["late"]);
  });

  test("20 §2: past the cap it is the earliest connection that goes, also when it is the one that registers again", async () => {
    const times = new Map<string, number>();
    for (const id of ["a", "b", "c"])
      times.set(id, (await arrive(arrival(id, { sessionsMax: 2 })))[0]?.connectedAtMs ?? 0);
    expect(await online()).toEqual(["c", "b"]);
    const again = (id: string) => arrive(arrival(id, { sessionsMax: 2, connectedAtMs: times.get(id) }));
    expect((await again("a"))[0]).toMatchObject({ replaced: true, evicted: [] });
    expect((await again("b"))[0]).toMatchObject({ replaced: false, evicted: [] });
    expect((await online()).sort()).toEqual(["b", "c"]);
  });

  test("20 §2: a new connection is later than those that are there, whatever a clock says", async () => {
    const [first] = await arrive(arrival("a", { deviceId: "phone" }));
    nowMs -= 60_000;
    const [second] = await arrive(arrival("b", { deviceId: "phone" }));
    expect(second).toMatchObject({ replaced: false, evicted: [{ sessionId: "a" }] });
    expect(second?.connectedAtMs).toBe((first?.connectedAtMs ?? 0) + 1);
  });

  test("sessions of one batch meet in their order", async () => {
    const results = await arrive(...["a", "b", "c"].map((id) => arrival(id, { sessionsMax: 1 })));
    expect(results.map((one) => [one.first, one.evicted.map((gone) => gone.sessionId)])).toEqual([
      [true, []],
      [false, ["a"]],
      [false, ["b"]],
    ]);
  });

  test("the last session to leave is told, also when the answer is asked for again", async () => {
    await arrive(arrival("a"), arrival("b", g2));
    const leave = (sessionId: string, gateway: typeof g1) => presence.depart([{ userId: 1n, sessionId, ...gateway }]);
    expect(await leave("a", g1)).toMatchObject([{ last: false }]);
    expect(await places()).toEqual([{ ...g2, sessions: 1 }]);
    const now = Math.floor(nowMs / 1000);
    expect(await leave("b", g2)).toEqual([{ last: true, lastSeen: now }]);
    expect(await leave("b", g2)).toEqual([{ last: true, lastSeen: now }]);
    expect(await places()).toEqual([]);
    expect(await presence.get([1n])).toEqual([{ userId: 1n, sessions: [], lastSeen: now }]);
  });

  test("another gateway, or an earlier life of it, cannot take a session out", async () => {
    await arrive(arrival("a"));
    await presence.depart([{ userId: 1n, sessionId: "a", ...g2 }]);
    await presence.depart([{ userId: 1n, sessionId: "a", ...g1, incarnation: g2.incarnation }]);
    expect(await online()).toEqual(["a"]);
  });

  test("a heartbeat keeps sessions, and says which are not known", async () => {
    await arrive(arrival("a"), arrival("b", g2), arrival("x", { userId: 2n }));
    const report = ["a", "b", "z"].map((sessionId) => ({ userId: 1n, sessionId }));
    for (let minute = 0; minute < 10; minute++) {
      nowMs += 60_000;
      const answer = await presence.heartbeat(g1, [...report, { userId: 2n, sessionId: "x" }]);
      expect(answer).toEqual({ unknown: ["b", "z"], replaced: false });
    }
    // Nobody reports b: its gateway is dead.
    expect(await online()).toEqual(["a"]);
    expect(await places()).toEqual([{ ...g1, sessions: 1 }]);
    expect(await online(2n)).toEqual(["x"]);
  });

  test("presence ends when nobody reports it", async () => {
    await arrive(arrival("a"));
    nowMs += presenceTtlMs;
    expect(await online()).toEqual([]);
    expect(await places()).toEqual([]);
    expect(await presence.heartbeat(g1, [{ userId: 1n, sessionId: "a" }])).toEqual({ unknown: ["a"], replaced: false });
  });

  test("after a wipe every session is unknown, and registering brings it back", async () => {
    await arrive(arrival("a"));
    wipe();
    expect((await presence.heartbeat(g1, [{ userId: 1n, sessionId: "a" }])).unknown).toEqual(["a"]);
    expect((await arrive(arrival("a")))[0]?.first).toBe(true);
  });

  test("a session that was silent for too long comes back by registering", async () => {
    await arrive(arrival("a"), arrival("b"));
    nowMs += 200_000;
    await presence.heartbeat(g1, [{ userId: 1n, sessionId: "b" }]);
    nowMs += 200_000;
    await arrive(arrival("a"));
    expect(await online()).toEqual(["a", "b"]);
    expect(await places()).toEqual([{ ...g1, sessions: 2 }]);
  });

  test("a later incarnation of a gateway replaces the earlier one, never the reverse", async () => {
    const later = { ...g1, incarnation: "019b0000-0000-7000-8000-000000000001" };
    await arrive(arrival("a"));
    expect((await presence.heartbeat(g1, [])).replaced).toBe(false);
    expect((await presence.heartbeat(later, [])).replaced).toBe(false);
    expect(await presence.heartbeat(g1, [{ userId: 1n, sessionId: "a" }])).toEqual({ unknown: [], replaced: true });
    expect((await presence.heartbeat(later, [])).replaced).toBe(false);
  });

  test("cleanup drops what stopped reporting and names who is offline", async () => {
    await arrive(arrival("a"), arrival("b", { userId: 2n }));
    nowMs += 200_000;
    await presence.heartbeat(g1, [{ userId: 2n, sessionId: "b" }]);
    nowMs += 150_000;
    const before = Math.floor((nowMs - presenceTtlMs) / 1000);
    const lastSeen = 1_800_000_000;
    expect((await presence.cleanup(before, 10)).offline).toEqual([{ userId: 1n, lastSeen, gatewayId: "" }]);
    expect(await presence.get([1n])).toEqual([{ userId: 1n, sessions: [], lastSeen }]);
    expect(await presence.cleanup(before, 10)).toEqual({ lookedAt: 0, offline: [] });
    expect(await online(2n)).toEqual(["b"]);
  });

  test("20 §10: what belongs to no live gateway goes as soon as it is silent, what a live one reports stays", async () => {
    await arrive(arrival("a"), arrival("b", { ...g2, userId: 2n }), arrival("c", { userId: 3n }));
    await arrive(arrival("d", { ...g2, userId: 3n }));
    const lastSeen = Math.floor(nowMs / 1000) - 1;
    const sweep = (live?: (typeof g1)[]) => presence.cleanup(Math.floor(nowMs / 1000) - 90, 10, live);
    // Absent from the registry for a moment, but not silent.
    expect(await sweep([])).toEqual({ lookedAt: 0, offline: [] });
    nowMs += 95_000;
    // Who is alive is not known.
    expect((await sweep()).offline).toEqual([]);
    nowMs += 60_000;
    await presence.heartbeat(g2, [{ userId: 3n, sessionId: "d" }]);
    nowMs += 60_000;
    // The heartbeat of gateway-2 is late, but it is alive; another life of gateway-1 is not the one that died.
    const { offline, lookedAt } = await sweep([g2, { ...g1, incarnation: "019b" }]);
    expect(offline).toEqual([{ userId: 1n, lastSeen: lastSeen - 1, gatewayId: "gateway-1" }]);
    expect(lookedAt).toBe(2);
    expect([await online(1n), await online(2n), (await online(3n)).sort()]).toEqual([[], ["b"], ["c", "d"]]);
    expect(await places(1n)).toEqual([]);
    expect((await presence.get([1n]))[0]?.lastSeen).toBe(lastSeen - 1);
    // Looked at already: again when it has been silent for as long once more.
    expect(await sweep([g2])).toEqual({ lookedAt: 0, offline: [] });
  });

  test("who left is not told to be offline a second time", async () => {
    await arrive(arrival("a"));
    await presence.depart([{ userId: 1n, sessionId: "a", ...g1 }]);
    nowMs += presenceTtlMs;
    expect(await presence.cleanup(Math.floor(nowMs / 1000), 10, [])).toEqual({ lookedAt: 0, offline: [] });
  });

  test("places name a life of the store: another after a wipe, else the same", async () => {
    const { runId } = await presence.places([]);
    await arrive(arrival("a"));
    const known = await presence.places([1n, 2n]);
    expect(known.runId).toBe(runId);
    expect([...known.places]).toEqual([[1n, [{ ...g1, sessions: 1 }]]]);
    wipe();
    expect((await presence.places([1n])).runId).not.toBe(runId);
  });
}
