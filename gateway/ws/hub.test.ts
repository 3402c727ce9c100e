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
