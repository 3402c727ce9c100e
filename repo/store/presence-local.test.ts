import { expect, test } from "bun:test";
import { createMemoryCache } from "#infra/cache/memory.ts";
import { silentLogger } from "#infra/clog/clog.ts";
import { arrival, presenceSuite } from "./presence.suite.ts";
import { createPresenceStore, type PresenceStore } from "./presence.ts";
import { createLocalPresence } from "./presence-local.ts";

presenceSuite((clock) => {
  let store = createLocalPresence({ clog: silentLogger, clock });
  // Its life is the life of its process: another store is what a restart leaves.
  const presence = new Proxy({} as PresenceStore, { get: (_, verb) => Reflect.get(store, verb) });
  const wipe = (): void => {
    store = createLocalPresence({ clog: silentLogger, clock });
  };
  return { presence, wipe };
});

const g1 = { gatewayId: "gateway-1", incarnation: "019a-1" };

test("past its bound the user who came first is forgotten, and his heartbeat says so", async () => {
  const presence = createLocalPresence({ clog: silentLogger, clock: Date.now }, { usersMax: 2 });
  await presence.arrive([...[1n, 2n, 3n].map((userId) => arrival(`s${userId}`, { ...g1, userId }))]);
  const sessions = [1n, 2n, 3n].map((userId) => ({ userId, sessionId: `s${userId}` }));
  expect(await presence.heartbeat(g1, sessions)).toEqual({ unknown: ["s1"], replaced: false });
});

test("a clean-up goes on where the last one ended, so that many small ones look at all", async () => {
  let nowMs = 1_800_000_000_000;
  const presence = createLocalPresence({ clog: silentLogger, clock: () => nowMs });
  await presence.arrive([1n, 2n, 3n].map((userId) => arrival(`s${userId}`, { ...g1, userId })));
  const lookAtOne = (live: (typeof g1)[]) => presence.cleanup(Math.floor(nowMs / 1000) - 90, 1, live);
  nowMs += 100_000;
  expect(await lookAtOne([g1])).toEqual({ lookedAt: 1, offline: [] });
  // The first one is due again by now.
  nowMs += 95_000;
  const offline = [await lookAtOne([]), await lookAtOne([]), await lookAtOne([])].flatMap((swept) => swept.offline);
  expect(offline.map(({ userId }) => userId)).toEqual([2n, 3n, 1n]);
});

for (const seed of [1, 2, 3, 4])
  test(`answers as the store in the cache does, over 400 random steps of seed ${seed}`, async () => {
    let nowMs = 1_800_000_000_000;
    const clock = () => nowMs;
    await using cache = createMemoryCache({ clock });
    const stores = [
      createPresenceStore({ cache, clog: silentLogger, clock }),
      createLocalPresence({ clog: silentLogger, clock }),
    ];
    const pick = choices(seed);
    const times = new Map<string, number>();
    for (let at = 0; at < 400; at += 1) {
      nowMs += pick([0, 0, 1, 1000, 40_000, 120_000]);
      const step = stepOf(pick, times);
      const [expected, answer] = [await step.run(stores[0]), await step.run(stores[1])];
      expect({ at, name: step.name, answer }).toEqual({ at, name: step.name, answer: expected });
      const [before, after] = await Promise.all(stores.map(stateOf));
      expect({ at, name: step.name, state: after }).toEqual({ at, name: step.name, state: before });
    }
  });

type Pick = <T>(from: readonly T[]) => T;

/** A step that both stores take. What `cleanup` finds differs: the cache keeps the last report of a user apart from his rows. */
function stepOf(pick: Pick, times: Map<string, number>) {
  const userId = pick([1n, 2n, 3n]);
  const gateway = pick([g1, { ...g1, incarnation: "019a-2" }, { gatewayId: "gateway-2", incarnation: "019a-1" }]);
  const sessionId = `${userId}-${pick(["a", "b", "c", "d"])}`;
  const name = pick(["arrive", "arrive", "again", "depart", "heartbeat"] as const);
  const own = arrival(sessionId, {
    ...gateway,
    userId,
    deviceId: pick(["", "phone", "laptop"]),
    platform: pick(["web", "ios"]),
    eviction: pick(["multi", "per-platform", "single"] as const),
    sessionsMax: pick([0, 1, 2, 5]),
    connectedAtMs: name === "again" ? times.get(sessionId) : undefined,
  });
  return {
    name,
    async run(store: PresenceStore | undefined): Promise<unknown> {
      switch (name) {
        case "depart":
          return store?.depart([{ userId, sessionId, ...gateway }]);
        case "heartbeat":
          return store?.heartbeat(gateway, [{ userId, sessionId }]);
        default: {
          const answer = await store?.arrive([own]);
          times.set(sessionId, answer?.[0]?.connectedAtMs ?? 0);
          return answer;
        }
      }
    },
  };
}

/** Who is where; when somebody was last online who is not, the two know equally well only after he left. */
async function stateOf(store: PresenceStore): Promise<unknown> {
  const users = await store.get([1n, 2n, 3n]);
  return users.map((user) => (user.sessions.length === 0 ? { ...user, lastSeen: 0 } : user));
}

/** Choices that a seed repeats (mulberry32). */
function choices(seed: number): Pick {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return (from) => from[Math.floor(next() * from.length)] as (typeof from)[number];
}
