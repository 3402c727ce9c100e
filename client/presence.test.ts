import { expect, test } from "bun:test";
import type { HttpRequest } from "./http.ts";
import { createPresence } from "./presence.ts";

function setup() {
  const asked: string[][] = [];
  const changes: string[] = [];
  const server = { registered: true, online: new Set<string>(), during: () => undefined as unknown };
  const presence = createPresence({
    registered: () => server.registered,
    onChange: ({ userId, online, lastSeen }) => changes.push(`${userId} ${online} ${lastSeen}`),
    call: async ({ query }: HttpRequest) => {
      const ids = String(query?.ids).split(",");
      asked.push(ids);
      const statuses = ids.map((userId) => ({ userId, isOnline: server.online.has(userId) }));
      server.during();
      return { statuses };
    },
  });
  const push = (userId: string, status: string, lastSeen?: number) =>
    presence.onFrame({ type: "online-status", data: { userId, status, lastSeen } });
  return { presence, server, asked, changes, push };
}

test("20 §5: `online-status` says who came and who left, and when; only changes are told", () => {
  const { presence, changes, push } = setup();
  push("7", "online");
  push("7", "online");
  push("7", "offline", 1_700);
  push("7", "sleepy");
  presence.onFrame({ type: "online-status", data: null });
  expect(changes).toEqual(["7 true undefined", "7 false 1700"]);
  expect(presence.of("7")).toEqual({ online: false, lastSeen: 1_700 });
  expect(presence.of("8")).toBeUndefined();
});

test("10 §4: at most 100 ids per request", async () => {
  const { presence, server, asked } = setup();
  server.online.add("150");
  await presence.refresh(Array.from({ length: 201 }, (_, i) => String(i + 1)));
  expect(asked.map((ids) => ids.length)).toEqual([100, 100, 1]);
  expect([presence.of("150"), presence.of("1")]).toMatchObject([{ online: true }, { online: false }]);
});

test("what is pushed while an answer is on its way is newer than the answer", async () => {
  const { presence, server, push } = setup();
  server.during = () => push("1", "online");
  await presence.refresh(["1", "2"]);
  expect(presence.of("1")?.online).toBe(true);
  server.during = () => undefined;
  await presence.refresh(["1"]);
  expect(presence.of("1")?.online).toBe(false);
});

test("a guest asks for nobody; an answer for somebody who signed out is not kept", async () => {
  const { presence, server, asked } = setup();
  server.during = presence.clear;
  server.online.add("1");
  await presence.refresh(Array.from({ length: 101 }, (_, i) => String(i + 1)));
  expect(presence.of("1")).toBeUndefined();
  expect(asked.length).toBe(1);
  server.registered = false;
  await presence.refresh(["1"]);
  expect(asked.length).toBe(1);
});
