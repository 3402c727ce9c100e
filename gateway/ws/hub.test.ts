import { expect, test } from "bun:test";
import { createHub } from "./hub.ts";
import { Session } from "./session.ts";

function session(userId: string): Session {
  const identity = { userId, sid: "s", isGuest: false, expiresAtS: 1 };
  const device = { deviceId: "", platform: "", carrier: "single" as const, address: "", userAgent: "" };
  return new Session(Bun.randomUUIDv7(), identity, device, 0);
}

test("sessions are found by id and by user, in order of connection", () => {
  const hub = createHub();
  const [a1, a2, a3, b] = [session("1"), session("1"), session("1"), session("9223372036854775807")];
  for (const one of [a1, a2, a3, b]) hub.add(one);
  expect(hub.find(b.id)).toBe(b);
  expect(hub.ofUser(1n)).toEqual([a1, a2, a3]);
  expect(hub.ofUser(9_223_372_036_854_775_807n)).toEqual([b]);
  expect([hub.size, hub.users]).toEqual([4, 2]);
});

test("a removed session is gone from both tables, once", () => {
  const hub = createHub();
  const [a1, a2] = [session("1"), session("1")];
  hub.add(a1);
  hub.add(a2);
  expect(hub.remove(a1)).toBe(true);
  expect(hub.remove(a1)).toBe(false);
  expect(hub.ofUser(1n)).toEqual([a2]);
  hub.remove(a2);
  expect([...hub.ofUser(1n)]).toEqual([]);
  expect([hub.size, hub.users]).toEqual([0, 0]);
});

test("sessions may leave while all are walked", () => {
  const hub = createHub();
  for (let index = 0; index < 10; index += 1) hub.add(session("1"));
  for (const one of hub.all()) hub.remove(one);
  expect(hub.size).toBe(0);
});

test("many sessions that come and go are found as in plain maps", () => {
  const hub = createHub();
  const known = new Map<string, Session>();
  for (let round = 0; round < 5000; round += 1) {
    const one = session(String(2_124_554_245_100_277_760n + BigInt(round % 700) * 4096n));
    hub.add(one);
    known.set(one.id, one);
    const [first] = known.values();
    if (round % 3 === 0 && first !== undefined) {
      known.delete(first.id);
      expect(hub.remove(first)).toBe(true);
      expect(hub.find(first.id)).toBeUndefined();
    }
  }
  const byUser = Map.groupBy(known.values(), ({ userKey }) => userKey);
  for (const one of known.values()) expect(hub.find(one.id)).toBe(one);
  for (const [userKey, sessions] of byUser) expect(hub.ofUser(userKey)).toEqual(sessions);
  expect([hub.size, hub.users]).toEqual([known.size, byUser.size]);
  expect(new Set(hub.all())).toEqual(new Set(known.values()));
});
