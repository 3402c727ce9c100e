import { expect, test } from "bun:test";
import { createMemoryCache } from "#infra/cache/memory.ts";
import { silentLogger } from "#infra/clog/clog.ts";
import { arrival, presenceSuite } from "./presence.suite.ts";
import { createPresenceStore } from "./presence.ts";
import { onlineKey } from "./presence-row.ts";

presenceSuite((clock) => {
  const cache = createMemoryCache({ clock });
  return { presence: createPresenceStore({ cache, clog: silentLogger, clock }), wipe: () => cache.wipe() };
});

test("a damaged row is dropped in passing", async () => {
  await using cache = createMemoryCache();
  const presence = createPresenceStore({ cache, clog: silentLogger, clock: Date.now });
  const arrive = (sessionId: string) => presence.arrive([arrival(sessionId)]);
  await arrive("a");
  await cache.hset(onlineKey(1n), { bad: "{", worse: "a\tb\tc", older: "{}" });
  await arrive("b");
  expect(Object.keys(await cache.hgetall(onlineKey(1n))).sort()).toEqual(["a", "b"]);
});
